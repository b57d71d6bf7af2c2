package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"youmiflow/engine"
	"youmiflow/internal/ledger"
	"youmiflow/internal/youmi"
	"youmiflow/steps"
	"youmiflow/workflows"
)

// checkDatabase opens the ledger for reading, and makes none where there is none.
func (c *checkup) checkDatabase(ctx context.Context) {
	const name = "database"
	dsn, err := c.project.database()
	if err != nil {
		c.add(name, ill, "set the variable in the environment or in .env", "%s", sentences(err))
		return
	}
	l, err := ledger.OpenReadOnly(ctx, dsn)
	switch {
	case errors.Is(err, ledger.ErrAbsent):
		folder := existing(filepath.Dir(c.ledgerPath()))
		if problem := c.unwritable(folder); problem != "" {
			c.add(name, ill, "make the folder writable, or set database to another path", "%s", problem)
			return
		}
		c.add(name, healthy, "", "there is none yet: the first run makes it in %s", folder)
		return
	case errors.Is(err, ledger.ErrOlder):
		c.add(name, uneasy, "nothing: the next run updates it", "%v", err)
		return
	case err != nil:
		c.add(name, ill, "do as it says, or set database in youmiflow.yaml to another file", "%v", err)
		return
	}
	defer func() { _ = l.Close() }() // it was only read
	if of, err := l.Copied(ctx); err != nil {
		c.add(name, ill, "restore the database from a backup, if it is damaged", "%v", err)
		return
	} else if of != nil {
		c.add(name, ill, "look what was sent since then (docs/operations.md, Restore), then: youmiflow backup accept",
			"%v", &ledger.CopyError{Path: l.Path(), Copy: *of})
		return
	}
	if problem := c.unwritable(l.Path()); problem != "" {
		c.add(name, ill, "make the file and its folder writable, or set database to another path", "%s", problem)
	} else {
		c.add(name, healthy, "", "%s, version %d, %s", l.Path(), ledger.Version(), owner(dsn))
	}
	c.checkTakeovers(ctx, l, dsn)
	c.checkChannels(ctx, l)
}

func owner(dsn string) string {
	if pid := ledger.Owner(dsn); pid != 0 {
		return fmt.Sprintf("worked on by process %d", pid)
	}
	return "worked on by nobody now"
}

// ledgerPath is where an embedded ledger is or will be; "" for another database.
func (c *checkup) ledgerPath() string {
	dsn, err := c.project.database()
	if err != nil {
		return ""
	}
	path, isFile := strings.CutPrefix(dsn, "sqlite://")
	if !isFile && strings.Contains(dsn, "://") {
		return ""
	}
	return path
}

// existing is the nearest folder above a path that is there.
func existing(folder string) string {
	for {
		if _, err := os.Stat(folder); err == nil || filepath.Dir(folder) == folder {
			return folder
		}
		folder = filepath.Dir(folder)
	}
}

// unwritable says why a file, or a folder in which one is to be made, cannot be written; "" when it can. A file is
// opened and not touched, in a folder one is made and removed.
func (c *checkup) unwritable(path string) string {
	info, err := os.Stat(path)
	if err == nil && info.IsDir() {
		var file *os.File
		if file, err = os.CreateTemp(path, ".youmiflow-*"); err == nil {
			err = errors.Join(file.Close(), os.Remove(file.Name()))
		}
	} else if err == nil {
		var file *os.File
		if file, err = os.OpenFile(path, os.O_RDWR, 0); err == nil {
			err = file.Close()
		}
	}
	if err != nil {
		return fmt.Sprintf("%s cannot be written: %v", path, err)
	}
	return ""
}

// checkTakeovers looks for conversations that nobody hands back.
func (c *checkup) checkTakeovers(ctx context.Context, l *ledger.Ledger, dsn string) {
	const name = "takeovers"
	list, err := l.Takeovers(ctx, engine.TakeoverFilter{States: []engine.TakeoverState{engine.TakeoverIntended, engine.TakeoverHeld, engine.TakeoverStuck}})
	if err != nil {
		c.add(name, ill, "restore the database from a backup, if it is damaged", "%v", err)
		return
	}
	list, others, err := ofWorld(ctx, l, list, c.sandboxed)
	if err != nil {
		c.add(name, ill, "restore the database from a backup, if it is damaged", "%v", err)
		return
	}
	apart := ""
	if len(others) > 0 {
		apart = fmt.Sprintf("; %d of %s not counted", len(others), map[bool]string{true: "real runs", false: "rehearsals"}[c.sandboxed])
	}
	stuck := slices.IndexFunc(list, func(t engine.Takeover) bool { return t.State == engine.TakeoverStuck })
	switch {
	case stuck >= 0:
		one := list[stuck]
		n := len(slices.DeleteFunc(slices.Clone(list), func(t engine.Takeover) bool { return t.State != engine.TakeoverStuck }))
		c.add(name, ill, "end it in the platform's own client; that run's other conversations: youmiflow runs show "+one.Run,
			"%s could not be ended, such as that of account %s with %s: %s", counted(n, "takeover"), one.Account, one.Friend, one.Message)
	case len(list) > 0 && ledger.Owner(dsn) == 0:
		c.add(name, uneasy, "hand them back by going on: youmiflow runs resume "+list[0].Run, "%s open, and no process works on this ledger%s", counted(len(list), "takeover"), apart)
	default:
		c.add(name, healthy, "", "%d open, none stuck%s", len(list), apart)
	}
}

// ofWorld keeps takeovers of rehearsals, which nobody misses, and of real runs apart.
func ofWorld(ctx context.Context, l *ledger.Ledger, list []engine.Takeover, sandbox bool) (of, others []engine.Takeover, err error) {
	sandboxed := map[string]bool{} // by run
	for _, one := range list {
		if _, known := sandboxed[one.Run]; !known {
			run, err := l.Run(ctx, one.Run)
			if err != nil {
				return nil, nil, fmt.Errorf("run %s: %w", one.Run, err)
			}
			sandboxed[one.Run] = run.Sandbox
		}
		if sandboxed[one.Run] == sandbox {
			of = append(of, one)
		} else {
			others = append(others, one)
		}
	}
	return of, others, nil
}

// How much room a ledger should find: a million messages take about a gigabyte.
const (
	littleSpace = 1 << 30
	noSpace     = 100 << 20
)

func (c *checkup) checkDisk() {
	path := c.ledgerPath()
	if path == "" {
		return
	}
	folder := existing(filepath.Dir(path))
	free, known := freeSpace(folder)
	const advice = "make room, or set database to a file on another disk: a full disk stops every run"
	text := fmt.Sprintf("%d MB free for %s", free>>20, folder)
	switch {
	case !known:
		c.add("disk", uneasy, "see for yourself that there is room", "how much room there is cannot be found out here")
	case free < noSpace:
		c.add("disk", ill, advice, "%s", text)
	case free < littleSpace:
		c.add("disk", uneasy, advice, "%s", text)
	default:
		c.add("disk", healthy, "", "%s", text)
	}
}

// checkOperations lists what the project's workflows call on this connection that no document shows.
func (c *checkup) checkOperations() error {
	const name = "operations"
	used, invalid, err := c.operations()
	if err != nil {
		return err
	}
	if invalid > 0 {
		c.add("workflows", ill, "see what is wrong: youmiflow validate", "%s cannot be loaded", counted(invalid, "workflow"))
	}
	var assumed []string
	for _, operation := range used {
		if operation.Status == "assumed" {
			assumed = append(assumed, operation.ID)
		}
	}
	switch {
	case len(assumed) > 0:
		c.add(name, uneasy, "try each on a real account, then set operations.NAME.confirmed in youmiflow.yaml (docs/platform.md)",
			"the workflows use %s that the vendor's documents do not show: %s", counted(len(assumed), "operation"), strings.Join(assumed, ", "))
	case len(used) == 0:
		c.add(name, healthy, "", "no workflow uses this connection")
	default:
		c.add(name, healthy, "", "%s in use, none of them assumed", counted(len(used), "operation"))
	}
	return nil
}

// operations are those that the project's workflows of this connection use, and how many workflows cannot be loaded.
func (c *checkup) operations() (used []youmi.Operation, invalid int, err error) {
	known, err := c.known()
	if err != nil {
		return nil, 0, err
	}
	catalogue, err := steps.New(steps.Config{Operations: known})
	if err != nil {
		return nil, 0, err
	}
	chosen := &selection{}
	if err := c.app.folder(chosen, c.project.dir); err != nil {
		return nil, 0, err
	}
	ids := map[string]bool{}
	loader := workflows.NewLoader(catalogue)
	for _, file := range chosen.files {
		workflow, _ := loader.Load(file)
		if workflow == nil {
			invalid++
		} else if workflow.Connection == c.connection {
			workflow.Each(func(step *workflows.Step) {
				if step.Uses != nil && step.Uses.Type.Operation != nil {
					ids[step.Uses.Type.Operation.ID] = true
				}
			})
		}
	}
	for _, operation := range known {
		if ids[operation.ID] {
			used = append(used, operation)
		}
	}
	return used, invalid, nil
}

// known are the operations as the connection changes them.
func (c *checkup) known() ([]youmi.Operation, error) {
	operations, err := youmi.Operations()
	if err != nil || c.settings == nil {
		return operations, err
	}
	overrides := map[string]youmi.Override{}
	for id, override := range c.settings.Operations {
		overrides[id] = youmi.Override{Method: override.Method, Path: override.Path, Fields: override.Fields, Confirmed: override.Confirmed}
	}
	return youmi.Overridden(operations, overrides)
}
