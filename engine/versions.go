package engine

import (
	"context"
	"fmt"
	"slices"

	"youmiflow/workflows"
)

// callees lists the workflows that one calls, and they call in turn, by the names in their calls.
func callees(workflow *workflows.Workflow) map[string]*workflows.Workflow {
	all := map[string]*workflows.Workflow{}
	var add func(*workflows.Workflow)
	add = func(w *workflows.Workflow) {
		for name, callee := range w.Calls {
			if all[name] == nil {
				all[name] = callee
				add(callee)
			}
		}
	}
	add(workflow)
	return all
}

// versions are the texts that a run of a workflow needs, and their digests by the names they are called by.
func versions(workflow *workflows.Workflow, commit string) (texts []Change, digests map[string]string) {
	texts = []Change{AddWorkflow{versionOf(workflow, commit)}}
	for name, callee := range callees(workflow) {
		if digests == nil {
			digests = map[string]string{}
		}
		digests[name] = callee.Digest
		texts = append(texts, AddWorkflow{versionOf(callee, commit)})
	}
	return texts, digests
}

func versionOf(workflow *workflows.Workflow, commit string) WorkflowVersion {
	return WorkflowVersion{Digest: workflow.Digest, Name: workflow.Name, File: workflow.File, Commit: commit, Source: workflow.Source}
}

// workflowOf reads the workflow that a run was started with, and those that it calls, as they were then.
func (e *Engine) workflowOf(ctx context.Context, run Run) (*workflows.Workflow, error) {
	if workflow := e.known(run); workflow != nil {
		return workflow, nil
	}
	version, err := e.Ledger.Workflow(ctx, run.Digest)
	if err != nil {
		return nil, fmt.Errorf("reading the workflow %s: %w", run.Digest, err)
	}
	folder := &keptFolder{ctx: ctx, ledger: e.Ledger, digests: run.Versions}
	workflow, problems := workflows.ParseIn(version.File, version.Source, e.Catalogue, folder)
	if folder.err != nil {
		return nil, folder.err
	}
	if workflow == nil {
		return nil, &rejected{Failure{Code: "workflow", Message: fmt.Sprintf(
			"the workflow is not valid for this version of youmiflow: %v", problems.Err())}}
	}
	return workflow, nil
}

// known finds the workflow of a called run with the run that called it, where this process works on that.
func (e *Engine) known(run Run) *workflows.Workflow {
	if run.Parent == nil {
		return nil
	}
	e.mu.Lock()
	parent := e.active[run.Parent.Run]
	e.mu.Unlock()
	if parent == nil {
		return nil
	}
	for _, callee := range parent.workflow.Calls {
		if callee.Digest == run.Digest {
			return callee
		}
	}
	return nil
}

// keptFolder finds the workflows that a run calls by the digests that were noted with it.
type keptFolder struct {
	ctx     context.Context // of the one reading that it serves
	ledger  Ledger
	digests map[string]string
	err     error // of the ledger: the text may be good
}

func (k *keptFolder) Source(name string) (string, []byte, error) {
	digest, ok := k.digests[name]
	if !ok {
		return "", nil, fmt.Errorf("the run was started without the workflow %q", name)
	}
	version, err := k.ledger.Workflow(k.ctx, digest)
	if err != nil {
		k.err = fmt.Errorf("reading the workflow %q: %w", name, err)
		return "", nil, k.err
	}
	return version.File, version.Source, nil
}

// inherit gives a called run what it has of the one that called it: the send window where it has none, and that paths given
// from outside stay so, and no other becomes one on the way.
func (e *Engine) inherit(ctx context.Context, active *activeRun) error {
	parent, err := e.callerOf(ctx, active.run)
	if err != nil {
		return fmt.Errorf("the run that called it: %w", err)
	}
	if active.window == nil {
		active.window = parent.window
	}
	active.files = slices.DeleteFunc(active.files, func(path string) bool { return !slices.Contains(parent.files, path) })
	return nil
}

// callerOf returns the run that called another one, as this process holds it or would.
func (e *Engine) callerOf(ctx context.Context, called Run) (*activeRun, error) {
	id := called.Parent.Run
	e.mu.Lock()
	active := e.active[id]
	e.mu.Unlock()
	if active != nil {
		return active, nil
	}
	run, err := e.Ledger.Run(ctx, id)
	if err != nil {
		return nil, err
	}
	return e.load(ctx, run)
}
