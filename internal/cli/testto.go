package cli

import (
	"strings"

	"github.com/spf13/cobra"

	"youmiflow/engine"
)

// testFlags are those of a test send.
type testFlags struct {
	to   string
	rows int
}

// mostTestRows keeps a test a test: its recipient is one person.
const mostTestRows = 100

func (f *testFlags) add(c *cobra.Command) {
	c.Flags().StringVar(&f.to, "test-to", "", "a test: send the messages of a few rows to this one recipient, as ACCOUNT:FRIEND, and nothing to anybody else")
	c.Flags().IntVar(&f.rows, "rows", 3, "with --test-to: how many rows of each foreach")
}

// recipient reads them; nil without a test.
func (f *testFlags) recipient(c *cobra.Command) (*engine.Test, error) {
	if f.to == "" {
		if c.Flags().Changed("rows") || c.Flags().Changed("test-to") {
			return nil, usage("--rows goes with --test-to ACCOUNT:FRIEND")
		}
		return nil, nil
	}
	account, friend, found := strings.Cut(f.to, ":")
	if !found || account == "" || friend == "" {
		return nil, usage("--test-to %q: write the operating account and the recipient's id, as ACCOUNT:FRIEND", f.to)
	}
	if f.rows < 1 || f.rows > mostTestRows {
		return nil, usage("--rows %d: write 1 to %d", f.rows, mostTestRows)
	}
	return &engine.Test{Account: account, Friend: friend, Rows: f.rows}, nil
}
