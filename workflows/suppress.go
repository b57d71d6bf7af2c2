package workflows

import (
	"fmt"

	"gopkg.in/yaml.v3"
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
		}
	}
}
