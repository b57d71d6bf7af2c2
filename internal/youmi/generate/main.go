// Command generate makes Go code and a table of the guide from openapi.yaml: operations.gen.go with the operations and the
// bodies of their requests, and the table in docs/platform.md. It imports nothing of this project.
//
// It is our own because of what these bodies need: oapi-codegen makes 8,800 lines of the same file, cannot send the null
// that a page shows (a nullable field is left out), turns the field names' order and the thirteen kinds of message into
// raw JSON, and would have to be downloaded for a test of freshness.
package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
)

// Where the files are, from the top of the repository.
const (
	source = "internal/youmi/openapi.yaml"
	code   = "internal/youmi/operations.gen.go"
	guide  = "docs/platform.md"
)

func main() {
	if err := write("."); err != nil {
		fmt.Fprintln(os.Stderr, "generate:", err)
		os.Exit(1)
	}
}

// write brings what is made up to date, in the repository at root.
func write(root string) error {
	made, err := generate(root)
	if err != nil {
		return err
	}
	for name, text := range made {
		if err := os.WriteFile(filepath.Join(root, name), text, 0o644); err != nil {
			return fmt.Errorf("writing %s: %w", name, err)
		}
	}
	return nil
}

// generate makes the files, by their path in the repository.
func generate(root string) (map[string][]byte, error) {
	text, err := os.ReadFile(filepath.Join(root, source))
	if err != nil {
		return nil, fmt.Errorf("run this at the top of the repository: %w", err)
	}
	spec, err := parse(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", source, err)
	}
	program, err := spec.program()
	if err != nil {
		return nil, err
	}
	page, err := os.ReadFile(filepath.Join(root, guide))
	if err != nil {
		return nil, err
	}
	page, err = replaceTable(page, spec.table())
	if err != nil {
		return nil, fmt.Errorf("%s: %w", guide, err)
	}
	return map[string][]byte{code: program, guide: page}, nil
}

// The table stands between these lines.
const (
	tableBegins = "<!-- The table is made from internal/youmi/openapi.yaml by `make generate`. -->\n"
	tableEnds   = "<!-- The table ends here. -->\n"
)

func replaceTable(page, table []byte) ([]byte, error) {
	before, rest, found := bytes.Cut(page, []byte(tableBegins))
	_, after, ended := bytes.Cut(rest, []byte(tableEnds))
	if !found || !ended {
		return nil, fmt.Errorf("it needs the lines %q and %q around the table", tableBegins, tableEnds)
	}
	return bytes.Join([][]byte{before, []byte(tableBegins), []byte("\n"), table, []byte("\n"), []byte(tableEnds), after}, nil), nil
}
