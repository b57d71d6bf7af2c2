package workflows

import (
	"crypto/sha256"
	"fmt"
	"hash"

	"gopkg.in/yaml.v3"
)

// eventKey is the key of an event trigger: what it is meant for, and what it gives its runs. Where it stands among the
// others says nothing, since that changes when one of them is removed.
func eventKey(t *Trigger, params *yaml.Node) string {
	sum := sha256.New()
	condition := ""
	if t.If != nil {
		condition = t.If.Source()
	}
	fmt.Fprintf(sum, "%q %q ", t.Event, condition)
	if params != nil {
		digestNode(sum, params)
	}
	return fmt.Sprintf("%s-%x", t.Event, sum.Sum(nil)[:8])
}

// digestNode takes in what a piece of YAML says, not how it is laid out. There are no aliases in it: the decoder refuses them.
func digestNode(sum hash.Hash, node *yaml.Node) {
	fmt.Fprintf(sum, "%d %s %q [", node.Kind, node.ShortTag(), node.Value)
	for _, child := range node.Content {
		digestNode(sum, child)
	}
	fmt.Fprint(sum, "]")
}
