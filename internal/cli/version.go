package cli

import (
	"fmt"
	"io"
	"runtime"

	"github.com/spf13/cobra"
)

func (a *app) versionCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "version",
		Short: "Print the version",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			view := struct {
				Version string `json:"version"`
				Go      string `json:"go"`
				System  string `json:"system"`
			}{a.Version, runtime.Version(), runtime.GOOS + "/" + runtime.GOARCH}
			return a.one(view, func(w io.Writer) error {
				_, err := fmt.Fprintf(w, "youmiflow %s (%s, %s)\n", view.Version, view.Go, view.System)
				return err
			})
		},
	}
	a.oneOutputFlag(c)
	return c
}
