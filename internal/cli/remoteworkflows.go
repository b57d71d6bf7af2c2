package cli

import (
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"youmiflow/internal/diagnostic"
	"youmiflow/internal/web/client"
	"youmiflow/internal/web/result"
	"youmiflow/workflows"
)

// meant finds the workflow of a daemon elsewhere that an argument means: by its name, or by a file, whose text must be the
// one that is in force there. The digest is that of the file; "" for a name, by which whatever is in force is meant.
func (r remote) meant(ctx context.Context, argument string) (workflow result.WorkflowInFull, digest string, err error) {
	if !isFile(argument) {
		workflow, err = r.Workflow(ctx, argument)
		return workflow, "", err
	}
	if _, err := os.Stat(argument); err != nil {
		return workflow, "", usage("%s: there is no such file", argument)
	}
	text, problems := workflows.ReadFile(argument)
	if problems.HasErrors() {
		return workflow, "", problems.Err()
	}
	workflow, err = r.Workflow(ctx, nameIn(argument, text))
	if refused := (*client.Error)(nil); errors.As(err, &refused) && refused.Code == "not-found" {
		return workflow, "", invalid("%w; bring %s to the daemon first: push it to the branch that it follows, or copy it into its folder of workflows", err, argument)
	}
	if err != nil {
		return workflow, "", err
	}
	digest = fmt.Sprintf("sha256:%x", sha256.Sum256(text))
	if workflow.Digest == nil || *workflow.Digest != digest {
		return workflow, "", r.differs(argument, workflow)
	}
	return workflow, digest, nil
}

// differs says that a file is not what a daemon would run, and what to do.
func (r remote) differs(file string, there result.WorkflowInFull) error {
	bring := fmt.Sprintf("copy it to %s in the daemon's project folder", there.File)
	if there.Commit != nil {
		bring = fmt.Sprintf("`git push` it to the branch that the daemon follows, which is at %.10s", *there.Commit)
	}
	broken := ""
	if there.Broken {
		broken = fmt.Sprintf(" (%s there has errors: %s)", there.File, r.hint("youmiflow validate "+there.Name))
	}
	return invalid("%s is not what the daemon at %s has in force as %s%s: to have this text, %s; to have the daemon's, write %s instead of %s",
		file, r.url, there.Name, broken, bring, there.Name, file)
}

// isFile tells whether an argument means a file, or else a workflow's name.
func isFile(argument string) bool {
	if info, err := os.Stat(argument); err == nil {
		return !info.IsDir()
	}
	return strings.ContainsAny(argument, `/\`) || workflows.IsWorkflowFile(argument)
}

// nameIn is the name of the workflow in a file: what it calls itself, else its file's name.
func nameIn(file string, text []byte) string {
	var head struct {
		Name string `yaml:"name"`
	}
	base := filepath.Base(file)
	if err := yaml.Unmarshal(text, &head); err != nil {
		head.Name = "" // a daemon has no such text in force
	}
	return cmp.Or(head.Name, strings.TrimSuffix(base, filepath.Ext(base)))
}

// plan shows what a run at a daemon elsewhere would do.
func (r remote) plan(ctx context.Context, request planRequest) error {
	if err := request.fitsServer(); err != nil {
		return err
	}
	params, err := textParams(request.params)
	if err != nil {
		return err
	}
	workflow, digest, err := r.meant(ctx, request.file)
	if err != nil {
		return err
	}
	plan, err := r.Plan(ctx, workflow.Name, client.Order{Params: params, Digest: digest, Test: request.test, Samples: request.samples})
	if err != nil {
		return r.explained(workflow, err)
	}
	if err := r.app.one(plan, func(w io.Writer) error { return writePlan(w, plan, r.app.zone) }); err != nil {
		return err
	}
	r.app.say("to run just this: %s", r.hint(runCommand(request)+" --plan "+plan.Digest))
	return nil
}

// fitsServer refuses what needs the lists themselves, which stay with the daemon.
func (p planRequest) fitsServer() error {
	var given string
	switch {
	case p.against != "":
		given = "--against"
	case p.problems != "":
		given = "--problems"
	case p.format == "markdown": // rows would have to be known to be hidden
		given = "--format markdown"
	default:
		return nil
	}
	return usage("%s does not go with --server: it needs the lists themselves, so ask where the project folder is", given)
}

// theirs are texts of a daemon elsewhere, by the names that problems have for their files.
type theirs map[string][]byte

func (t theirs) read(file string) ([]byte, error) {
	text, ok := t[file]
	if !ok {
		return nil, fs.ErrNotExist
	}
	return text, nil
}

// validate checks files as if they were a daemon's, or what it has itself.
func (r remote) validate(ctx context.Context, arguments []string, format string) error {
	texts := theirs{}
	var problems diagnostic.List
	checked, ours := 0, true // ours: all problems are of files of this machine
	if len(arguments) == 0 {
		arguments = []string{""}
	}
	for _, argument := range arguments {
		look := r.validateTheirs
		if isOurs(argument) {
			look = r.validateFiles
		} else {
			ours = false
		}
		found, count, err := look(ctx, argument, texts)
		if err != nil {
			return err
		}
		problems, checked = append(problems, found...), checked+count
	}
	problems.Sort()
	problems = slices.Compact(problems)
	if err := r.printProblems(problems, format, ours, texts); err != nil {
		return err
	}
	if format == "text" {
		r.app.say("%s checked: %s", counted(checked, "file"), problems.Count())
	}
	if problems.HasErrors() {
		return silently(exitInvalid, "there are errors")
	}
	return nil
}

// printProblems prints problems. Code hosts know only files of this machine.
func (r remote) printProblems(problems diagnostic.List, format string, ours bool, texts theirs) error {
	if ours && (format == "github" || format == "sarif") {
		return r.app.printProblems(problems, format)
	}
	return r.app.printProblemsOf(problems, format, texts.read)
}

// isOurs tells whether an argument means a file or folder of this machine, or else a workflow's name.
func isOurs(argument string) bool {
	if argument == "" {
		return false
	}
	_, err := os.Stat(argument)
	return err == nil || isFile(argument)
}

// validateTheirs are the problems of what the daemon has: of a workflow, or with "" of all files.
func (r remote) validateTheirs(ctx context.Context, name string, texts theirs) (diagnostic.List, int, error) {
	if name != "" {
		workflow, err := r.Workflow(ctx, name)
		if err != nil {
			return nil, 0, err
		}
		texts[workflow.File] = []byte(workflow.Source)
		problems, err := r.Problems(ctx, name)
		return problems, 1, err
	}
	list, err := r.Workflows(ctx)
	if err != nil {
		return nil, 0, err
	}
	problems, err := r.Problems(ctx, "")
	if err != nil {
		return nil, 0, err
	}
	files := map[string]bool{}
	for _, problem := range problems {
		files[problem.File] = true
	}
	for _, one := range list {
		if !files[one.File] {
			continue
		}
		whole, err := r.Workflow(ctx, one.Name)
		if err != nil {
			return nil, 0, err
		}
		texts[one.File] = []byte(whole.Source)
	}
	return problems, len(list), nil
}

// validateFiles has files of this machine be checked there: the one that an argument names, or those of a folder.
func (r remote) validateFiles(ctx context.Context, argument string, texts theirs) (problems diagnostic.List, count int, err error) {
	chosen, err := r.app.selectFiles([]string{argument})
	if err != nil {
		return nil, 0, err
	}
	if len(chosen.files) == 0 {
		return nil, 0, usage("%s: only workflows are checked at a daemon", argument)
	}
	if len(chosen.problems) > 0 {
		r.app.say("youmiflow.yaml of %s is left aside, with %s: the daemon has its own", argument, chosen.problems.Count())
	}
	for _, file := range chosen.files {
		text, unread := workflows.ReadFile(file)
		if unread.HasErrors() {
			problems = append(problems, unread...)
			continue
		}
		there := r.placeOf(file)
		found, err := r.Validate(ctx, there, text)
		if err != nil {
			return nil, 0, fmt.Errorf("%s: %w", file, err)
		}
		for _, problem := range found {
			if problem.File == there {
				problem.File = file
			}
			problems = append(problems, problem)
		}
		texts[file] = text
	}
	return problems, len(chosen.files), nil
}

// placeOf is where a file of this machine would stand in a daemon's project: where it stands in its own.
func (r remote) placeOf(file string) string {
	if dir, found, err := r.app.findProject(file); err == nil && found {
		if whole, err := filepath.Abs(file); err == nil {
			if short, err := filepath.Rel(dir, whole); err == nil && filepath.IsLocal(short) {
				return filepath.ToSlash(short)
			}
		}
	}
	return "workflows/" + filepath.Base(file)
}
