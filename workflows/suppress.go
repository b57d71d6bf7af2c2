package workflows

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"gopkg.in/yaml.v3"

	"youmiflow/internal/diagnostic"
)

// readSuppress reads the key `suppress`: one file, or a list of them.
func (p *Project) readSuppress(d *decoder, node *yaml.Node) {
	nodes := []*yaml.Node{node}
	if node.Kind == yaml.SequenceNode {
		nodes = node.Content
	}
	for i, node := range nodes {
		if file, ok := d.expanded(node, fmt.Sprintf("suppress[%d]", i), p.lookup); ok {
			if file == "" {
				d.at(node, "not-allowed", "suppress[%d]: a file is needed, such as lists/do-not-contact.csv", i)
				continue
			}
			p.Suppress = append(p.Suppress, file)
			absent := &decoder{problems: &problems{file: d.file, private: d.private}, text: d.text, origin: d.origin}
			absent.at(node, "no-suppress-file", "the list %q of customers who get nothing is not there, and nothing is sent before it is: make it, if need be as an empty file", file)
			p.absent = append(p.absent, absent.problems)
		}
	}
}

// MissingLists are the files under `suppress` that are not there now. A project is none the worse for it until something is to
// be sent, so that they are not among the problems of LoadProject.
func (p *Project) MissingLists() diagnostic.List {
	var missing diagnostic.List
	for i, name := range p.Suppress {
		if _, err := os.Stat(filepath.Join(p.Dir, name)); errors.Is(err, fs.ErrNotExist) {
			missing = append(missing, p.absent[i].sorted()...)
		}
	}
	return missing
}
