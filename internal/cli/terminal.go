package cli

import (
	"io"
	"os"
	"sync"

	"golang.org/x/term"
)

// isTerminal reports whether somebody looks at what is written there.
func isTerminal(w io.Writer) bool {
	file, ok := w.(*os.File)
	return ok && term.IsTerminal(int(file.Fd()))
}

// inTurn lets several write to w, the command and its log, one at a time. Files see to that themselves.
func inTurn(w io.Writer) io.Writer {
	if _, ok := w.(*os.File); ok || w == nil {
		return w
	}
	return &turns{w: w}
}

type turns struct {
	mu sync.Mutex
	w  io.Writer
}

func (t *turns) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.w.Write(p)
}
