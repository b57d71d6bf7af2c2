package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"youmiflow/engine"
	"youmiflow/internal/fetch"
	"youmiflow/internal/ledger"
	"youmiflow/internal/redact"
	"youmiflow/internal/sheet"
	"youmiflow/steps"
	"youmiflow/workflows"
)

// catalogueConfig is what the steps of a project reach, whichever command they are for.
func (a *app) catalogueConfig(project *project, clients *clients) steps.Config {
	return steps.Config{
		API: clients.api, Resolve: project.resolve, ResolveAt: project.resolveAt, ResolveNew: project.resolveNew, Location: project.config.Timezone,
		HTTP: project.http(a.Version), Database: project.source, Rehearsal: clients.sandboxed, Secrets: project.secretNames(),
		ChannelsNow: project.channels,
	}
}

// http makes requests to the hosts that the project allows.
func (p *project) http(version string) *fetch.Client {
	config := fetch.Config{AllowPrivate: p.config.HTTP.AllowPrivate, UserAgent: "youmiflow/" + version}
	for _, host := range p.config.HTTP.Hosts {
		config.Hosts = append(config.Hosts, fetch.Host(host))
	}
	return fetch.New(config)
}

// source is the address of a database that audiences are read from. A relative SQLite path is one in the project folder.
func (p *project) source(name string) (string, error) {
	secret, err := p.config.SourceDatabase(name)
	if err != nil {
		return "", err
	}
	address := secret.Reveal()
	if path, ok := strings.CutPrefix(address, "sqlite://"); ok && !filepath.IsAbs(path) {
		return "sqlite://" + filepath.Join(p.dir, path), nil
	}
	return address, nil
}

// secretNames are the names that expressions may use; nil when nobody can say which there are.
func (p *project) secretNames() []string {
	names, known := p.config.SecretNames()
	if !known {
		return nil
	}
	return append([]string{}, names...)
}

// secrets are the values of those that have one.
func (p *project) secrets() map[string]string {
	values := map[string]string{}
	for name, secret := range p.config.Secrets() {
		values[name] = secret.Reveal()
	}
	return values
}

// hider keeps the project's secrets out of what is printed.
func (p *project) hider() *redact.Redactor {
	var values []string
	for _, value := range p.secrets() {
		values = append(values, value)
	}
	return redact.New(values...)
}

// resolveNew turns a path of a workflow into one that may be written: it stays within the project folder, also through
// links.
func (p *project) resolveNew(path string) (string, error) {
	if filepath.IsAbs(path) || !filepath.IsLocal(path) {
		return "", fmt.Errorf("the path %q leaves the project folder: write it relative to the folder of youmiflow.yaml", path)
	}
	whole := filepath.Join(p.dir, path)
	base, err := filepath.EvalSymlinks(p.dir)
	if err != nil {
		return "", err
	}
	for there := whole; ; there = filepath.Dir(there) {
		target, err := filepath.EvalSymlinks(there)
		if errors.Is(err, fs.ErrNotExist) {
			if _, dangling := os.Lstat(there); dangling == nil {
				return "", fmt.Errorf("the path %q is a link that leads nowhere", path)
			}
			continue
		}
		if err != nil {
			return "", fmt.Errorf("the path %q: %w", path, err)
		}
		if inside, err := filepath.Rel(base, target); err != nil || !filepath.IsLocal(inside) {
			return "", fmt.Errorf("the path %q is a link that leaves the project folder", path)
		}
		return whole, nil
	}
}

// outcomes streams what became of the items of a step, for reports.
func outcomes(l *ledger.Ledger) func(ctx context.Context, run, step string) iter.Seq2[steps.ItemOutcome, error] {
	return func(ctx context.Context, run, step string) iter.Seq2[steps.ItemOutcome, error] {
		return func(yield func(steps.ItemOutcome, error) bool) {
			for item, err := range l.Items(ctx, engine.ItemFilter{Run: run, Step: &step}) {
				outcome := steps.ItemOutcome{Item: item}
				if err == nil {
					outcome.Calls, err = callsOf(ctx, l, item)
				}
				if !yield(outcome, err) || err != nil {
					return
				}
			}
		}
	}
}

func callsOf(ctx context.Context, l *ledger.Ledger, item engine.Item) ([]engine.Call, error) {
	if item.Status == engine.StatusSkipped {
		return nil, nil // it never came to a call
	}
	var calls []engine.Call
	for call, err := range l.Calls(ctx, engine.CallFilter{Run: item.Run, Item: item.ID}) {
		if err != nil {
			return nil, err
		}
		calls = append(calls, call)
	}
	return calls, nil
}

// problemFolder keeps what is wrong with audiences in the project's own folder, a file for each run.
type problemFolder struct{ project *project }

// Begin implements engine.ProblemSink.
func (f problemFolder) Begin(name string) (engine.ProblemList, error) {
	path := filepath.Join(f.project.dir, ".youmiflow", "problems", name+".csv")
	return newProblemFile(path, relative(path))
}

// problemFile is the one file that `plan --problems` writes. A workflow with several lists puts those after the first
// beside it.
type problemFile struct {
	path  string
	lists *int
}

// Begin implements engine.ProblemSink.
func (f problemFile) Begin(string) (engine.ProblemList, error) {
	path := f.path
	if *f.lists++; *f.lists > 1 {
		suffix := filepath.Ext(path)
		path = strings.TrimSuffix(path, suffix) + "-" + strconv.Itoa(*f.lists) + suffix
	}
	return newProblemFile(path, path)
}

// problemList writes one list, for Excel.
type problemList struct {
	writer *sheet.Writer
	name   string // for people
}

func newProblemFile(path, name string) (engine.ProblemList, error) {
	writer, err := sheet.Create(path, "row", "column", "problem", "hint", "value")
	if err != nil {
		return nil, err
	}
	return &problemList{writer, name}, nil
}

// Add implements engine.ProblemList.
func (l *problemList) Add(problem engine.RowProblem) error {
	return l.writer.Row(strconv.Itoa(problem.Row), problem.Column, problem.Problem, problem.Hint, problem.Value)
}

// End implements engine.ProblemList.
func (l *problemList) End() (string, error) { return l.name, l.writer.End() }

// noProblems says so in place of a file with problems of rows; one that is there already is of an earlier plan.
func noProblems(path string) string {
	text := "no row has a problem, so that " + path + " is not written"
	if _, err := os.Stat(path); err == nil {
		text += ": what stands there is from before"
	}
	return text
}

// listProblems prints the first problems of an audience that a plan has found.
func (a *app) listProblems(err error, kept bool) {
	found, ok := errors.AsType[*engine.AudienceError](err)
	if !ok || found.Count < 2 {
		return
	}
	for _, problem := range found.First {
		a.complainOf(problem)
	}
	if more := found.Count - len(found.First); more > 0 && !kept {
		a.say("and %d more; --problems FILE.csv writes all of them", more)
	}
}

func (a *app) complainOf(problem engine.RowProblem) {
	fmt.Fprintf(a.Stderr, "%s\n", a.hide.Text(problem.Error()))
}

// checkResting is checkNames for a workflow that is at rest.
func checkResting(project *project, resting *workflows.Resting) error {
	workflow, err := resting.Open()
	if err != nil {
		return err
	}
	return project.checkNames(workflow)
}

// checkNames refuses a workflow that reads secrets which have no value, or tells channels that there are not, before anything is
// done.
func (p *project) checkNames(workflow *workflows.Workflow) error {
	if err := p.config.CheckSecrets(workflow); err != nil {
		return err
	}
	return p.newest().CheckChannels(workflow)
}
