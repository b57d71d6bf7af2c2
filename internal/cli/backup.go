package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"github.com/spf13/cobra"

	"youmiflow/internal/ledger"
)

func (a *app) backupCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "backup FILE",
		Short: "Copy the ledger to a file, also while a daemon works on it",
		Long: `Copies the ledger, as it is at one instant, to a file that only you can read. Nobody who works on
the ledger has to wait, and the copy is whole. It never replaces a file.

The copy says of itself that it is one. In the ledger's place it can be read, but nothing goes on
before somebody has said ` + "`youmiflow backup accept`" + `: it does not know what was sent since it was made.

The ledger holds customers' data: keep the copy where you would keep the ledger.`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, arguments []string) (err error) {
			project, err := a.openProject(".")
			if err != nil {
				return err
			}
			database, err := project.database()
			if err != nil {
				return err
			}
			l, err := ledger.OpenReadOnly(c.Context(), database)
			if err != nil {
				return fmt.Errorf("nothing to back up: %w", err)
			}
			defer func() { err = errors.Join(err, l.Close()) }()
			to, err := filepath.Abs(arguments[0])
			if err != nil {
				return err
			}
			err = l.Backup(c.Context(), to)
			if errors.Is(err, fs.ErrExist) {
				return usage("%s is there already: name another file, since a backup replaces none", to)
			}
			if err == nil {
				a.say("backed up %s to %s", l.Path(), to)
			}
			return err
		},
	}
	c.AddCommand(a.backupAccept())
	return c
}
