package cli

import (
	"io"

	"github.com/spf13/cobra"
)

// byteOrderMark is how Excel knows that a CSV file is UTF-8: without one it takes Chinese for something else.
const byteOrderMark = "\uFEFF"

// bomFlag adds --bom to a command whose result can be CSV.
func (a *app) bomFlag(c *cobra.Command) {
	var bom bool
	c.Flags().BoolVar(&bom, "bom", false, "with --output csv: for Excel, which reads UTF-8 only behind a byte order mark;\ntexts that it would take for formulas get an apostrophe")
	before := c.PreRunE
	c.PreRunE = func(c *cobra.Command, arguments []string) error {
		if err := before(c, arguments); err != nil {
			return err
		}
		switch {
		case bom && a.output != "csv":
			return usage("--bom goes with --output csv")
		case bom:
			a.Stdout = &excelFile{w: a.Stdout}
		}
		return nil
	}
}

// excelFile is CSV that Excel is to open: a byte order mark comes before the first of what is written to it.
type excelFile struct {
	w     io.Writer
	begun bool
}

func (m *excelFile) Write(p []byte) (int, error) {
	if !m.begun {
		m.begun = true
		if _, err := io.WriteString(m.w, byteOrderMark); err != nil {
			return 0, err
		}
	}
	return m.w.Write(p)
}
