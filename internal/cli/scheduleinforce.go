package cli

import (
	"context"
	"errors"
	"path/filepath"
	"slices"
	"strings"

	"youmiflow/engine"
	"youmiflow/internal/diagnostic"
	"youmiflow/internal/folder"
	"youmiflow/workflows"
)

// inForce is what the daemon that works on the project goes by: of a broken file the last good version, and the commit of a
// branch that it follows. Nil: there is no daemon.
func (a *app) inForce(ctx context.Context, project *project) (_ *timetable, err error) {
	database, err := project.database()
	if err != nil {
		return nil, err
	}
	if there, _ := daemonAt(database); !there {
		return nil, nil
	}
	l, err := a.openReadOnly(ctx, project)
	if l == nil || err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, l.Close()) }()
	versions, err := l.Current(ctx)
	if err != nil {
		return nil, err
	}
	var branch diagnostic.List
	if slices.ContainsFunc(versions, func(v folder.Version) bool { return v.Commit != "" }) {
		branch = folder.Failing(project.branchState())
		project = a.followed(project)
	}
	catalogue, err := a.planCatalogue(project, true)
	if err != nil {
		return nil, err
	}
	t := &timetable{project: project}
	for _, version := range versions {
		workflow, err := folder.Restore(ctx, catalogue, l, version)
		if err != nil {
			return nil, err
		}
		t.planned = append(t.planned, engine.Planned{Name: version.Name, Workflow: workflow, Commit: version.Commit})
	}
	slices.SortFunc(t.planned, func(a, b engine.Planned) int { return strings.Compare(a.Name, b.Name) })
	_, t.problems = workflows.LoadFolder(project.config.Workflows, catalogue)
	t.problems = append(t.problems, branch...)
	return t, nil
}

// branchState is where a daemon that follows a branch keeps what it needs for that.
func (p *project) branchState() string { return filepath.Join(p.dir, ".youmiflow", "git") }

// followed is the project as of the commit that the daemon has in force. What is kept stays in this folder.
func (a *app) followed(here *project) *project {
	root := folder.InForce(here.branchState())
	if root == "" {
		return here
	}
	config, problems := workflows.LoadProject(root, a.Lookup)
	if problems.HasErrors() {
		return here // the daemon has refused it, too
	}
	return &project{dir: here.dir, config: config, found: true}
}
