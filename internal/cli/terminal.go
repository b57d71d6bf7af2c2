package cli

import (
	"io"
	"os"

	"golang.org/x/term"
)

// isTerminal reports whether somebody looks at what is written there.
func isTerminal(w io.Writer) bool {
	file, ok := w.(*os.File)
	return ok && term.IsTerminal(int(file.Fd()))
}
