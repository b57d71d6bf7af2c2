package rehearsal

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/jsonschema-go/jsonschema"
	"github.com/stretchr/testify/require"
	"gopkg.in/yaml.v3"
)

// The schema accepts what Read accepts, and refuses the keys that it does not know.
func TestTheSchemaAgreesWithTheReader(t *testing.T) {
	text, err := Schema()
	require.NoError(t, err)
	var schema jsonschema.Schema
	require.NoError(t, json.Unmarshal(text, &schema))
	resolved, err := schema.Resolve(nil)
	require.NoError(t, err)
	good := 0
	for _, pattern := range []string{"../../examples/*/*/*.test.yaml", "../../examples/*/*.test.yaml", "../cli/template/workflows/*.test.yaml", "testdata/ok/*.yaml"} {
		paths, err := filepath.Glob(pattern)
		require.NoError(t, err)
		for _, path := range paths {
			good++
			source, err := os.ReadFile(path)
			require.NoError(t, err)
			_, problems := Read(path, source, time.UTC)
			require.NoError(t, problems.Err(), path)
			require.NoError(t, resolved.Validate(asPlain(t, source)), path)
		}
	}
	require.Greater(t, good, 2)
	for _, source := range []string{
		"tests: []\nworkfow: a", "tests: [{ name: a }]", "tests: [{ expect: {} }]",
		"tests: [{ name: a, expect: { status: fine } }]", "tests: [{ name: a, expect: {}, during: [{ pause: true }] }]",
		"tests: [{ name: a, expect: {}, during: [{ at: 1m, pause: false }] }]",
		"tests: [{ name: a, expect: {}, during: [{ at: 1m, event: { kind: chats } }] }]",
		"tests: [{ name: a, expect: { fires: [{ outcome: late }] } }]",
	} {
		require.Error(t, resolved.Validate(asPlain(t, []byte(source))), source)
		_, problems := Read("a.test.yaml", []byte(source), time.UTC)
		require.Error(t, problems.Err(), source)
	}
}

// asPlain is a YAML document as JSON has it. Dates are text there.
func asPlain(t *testing.T, source []byte) any {
	t.Helper()
	var root yaml.Node
	require.NoError(t, yaml.Unmarshal(source, &root))
	var undate func(*yaml.Node)
	undate = func(node *yaml.Node) {
		if node.Tag == "!!timestamp" {
			node.Tag = "!!str"
		}
		for _, child := range node.Content {
			undate(child)
		}
	}
	undate(&root)
	var value any
	require.NoError(t, root.Decode(&value))
	text, err := json.Marshal(value)
	require.NoError(t, err)
	decoder := json.NewDecoder(strings.NewReader(string(text)))
	require.NoError(t, decoder.Decode(&value))
	return value
}
