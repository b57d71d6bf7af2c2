package workflows

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"gopkg.in/yaml.v3"

	"youmiflow/internal/diagnostic"
)

// Lookup finds an environment variable, as os.LookupEnv does.
type Lookup = func(name string) (string, bool)

// withDotEnv looks in the environment first and then in the folder's .env, of which a missing one is an empty one.
func withDotEnv(dir string, environment Lookup) (Lookup, diagnostic.List) {
	path := filepath.Join(dir, ".env")
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return environment, nil
	}
	source, unreadable := readFile(path)
	if unreadable != nil {
		return environment, unreadable
	}
	found := &problems{file: path}
	variables := readDotEnv(source, found)
	return func(name string) (string, bool) {
		if value, ok := environment(name); ok {
			return value, true
		}
		value, ok := variables[name]
		return value, ok
	}, found.sorted()
}

// readDotEnv reads NAME=value lines. A value may stand in single or double quotes, a line may begin with export, and
// what follows # at the beginning of a line or after a blank is a comment. Messages never show a value.
func readDotEnv(source []byte, found *problems) map[string]string {
	variables := map[string]string{}
	content, ok := readText(source, found)
	if !ok {
		return variables
	}
	for number := 1; number <= len(content.starts); number++ {
		line := strings.TrimSpace(content.line(number))
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		name, value, assigned := strings.Cut(strings.TrimPrefix(line, "export "), "=")
		name = strings.TrimSpace(name)
		value, closed := unquote(strings.TrimSpace(value))
		if !assigned || !identifier.MatchString(name) || !closed {
			at := diagnostic.Span{Line: number, Column: 1, EndColumn: 1}
			found.add(at, "dotenv", "this line is not NAME=value", "")
			continue
		}
		variables[name] = value
	}
	return variables
}

// unquote takes the quotes or the comment off a value; closed is false when a quote is left open.
func unquote(value string) (plain string, closed bool) {
	if value == "" {
		return "", true
	}
	if quote := value[0]; quote == '"' || quote == '\'' {
		end := strings.IndexByte(value[1:], quote)
		if end < 0 {
			return "", false
		}
		rest := strings.TrimSpace(value[end+2:])
		return value[1 : end+1], rest == "" || rest[0] == '#'
	}
	if cut := strings.Index(value, " #"); cut >= 0 {
		value = strings.TrimSpace(value[:cut])
	}
	return value, true
}

// setting is a text of the project's file that may hold ${NAME}, replaced when it is used.
type setting struct {
	text string
	file string
	span diagnostic.Span
	// private are the lines of the file that hold secrets.
	private map[int]bool
}

// variablesOnly is text that says nothing itself.
var variablesOnly = regexp.MustCompile(`^(\$\{[A-Za-z_][A-Za-z0-9_]*\})*$`)

// hide has no line shown on which a secret stands, when it stands there itself.
func (d *decoder) hide(node *yaml.Node) {
	if node == nil || node.Kind != yaml.ScalarNode || variablesOnly.MatchString(node.Value) || d.private == nil {
		return
	}
	last := node.Line + strings.Count(node.Value, "\n")
	if node.Style&(yaml.LiteralStyle|yaml.FoldedStyle) != 0 {
		last++ // it begins below its key
	}
	for line := node.Line; line <= last; line++ {
		d.private[line] = true
	}
}

var (
	likeSecret = regexp.MustCompile(`(?i)secret|token|key|passw|://[^/\s]*@|slack|wecom|dingtalk|feishu|webhook|headers|events`)
	topKey     = regexp.MustCompile(`^["']?(\w+)["']?\s*:`)
)

// mayHoldSecret guesses whether a line of settings that cannot be read has a secret on it.
func (t *text) mayHoldSecret(line int) bool {
	if likeSecret.MatchString(t.line(line)) {
		return true
	}
	for ; line > 0; line-- {
		if top := topKey.FindStringSubmatch(t.line(line)); top != nil {
			return likeSecret.MatchString(top[1]) || top[1] == "databases" || top[1] == "notify"
		}
	}
	return false
}

// secretPlace is where something is said of a setting that may hold a secret: at what is written there when that only names
// variables, else at its key.
func (d *decoder) secretPlace(key, value *yaml.Node) diagnostic.Span {
	if value.Kind == yaml.ScalarNode && variablesOnly.MatchString(value.Value) {
		return d.text.spanOf(value)
	}
	return d.text.spanOf(key)
}

// expand replaces each ${NAME} by the variable, and $${ by ${. What is missing is reported by name.
func (s setting) expand(lookup Lookup, found *problems) string {
	if s.private != nil {
		found.private = s.private
	}
	var b strings.Builder
	for rest := s.text; rest != ""; {
		at := strings.Index(rest, "${")
		if at < 0 {
			b.WriteString(rest)
			break
		}
		if at > 0 && rest[at-1] == '$' {
			b.WriteString(rest[:at-1] + "${")
			rest = rest[at+2:]
			continue
		}
		b.WriteString(rest[:at])
		name, after, closed := strings.Cut(rest[at+2:], "}")
		if !closed || !identifier.MatchString(name) {
			found.add(s.span, "bad-variable", "a ${ begins here that is not ${NAME}: name a variable, or write $${ for the text itself", "")
			return b.String()
		}
		value, ok := lookup(name)
		if !ok {
			found.add(s.span, "unset-variable", fmt.Sprintf("the environment variable %s is not set: set it, or write it into .env", name), "")
		}
		b.WriteString(value)
		rest = after
	}
	return b.String()
}

// variables are the names that expand looks up.
func (s setting) variables() []string {
	var names []string
	s.expand(func(name string) (string, bool) { names = append(names, name); return "", true }, &problems{})
	return names
}

// override is a scalar key of a project that a variable can set.
type override struct {
	key  string
	text bool // always text, whatever it looks like
}

// overrides puts the variables YOUMIFLOW_… over the project's file, as if they stood there.
type overrides struct {
	lookup Lookup
	origin map[*yaml.Node]string
}

func (o overrides) apply(root *yaml.Node) {
	o.scalars(root, "YOUMIFLOW", override{"database", true}, override{"workflows", true}, override{"timezone", true})
	server := []override{{"listen", true}}
	if node := o.child(root, "server", o.anyOf("YOUMIFLOW_SERVER", server, nil)); node != nil {
		o.scalars(node, "YOUMIFLOW_SERVER", server...)
	}
	connections := o.child(root, "connections", o.anyOf("YOUMIFLOW_CONNECTIONS_DEFAULT", connectionScalars, v1Scalars))
	if connections == nil {
		return
	}
	o.child(connections, "default", o.anyOf("YOUMIFLOW_CONNECTIONS_DEFAULT", connectionScalars, v1Scalars))
	o.each(connections, "YOUMIFLOW_CONNECTIONS", func(node *yaml.Node, path string) {
		o.scalars(node, path, connectionScalars...)
		if v1 := o.child(node, "v1", o.anyOf(path+"_V1", v1Scalars, nil)); v1 != nil {
			o.scalars(v1, path+"_V1", v1Scalars...)
		}
		o.each(o.child(node, "operations", false), path+"_OPERATIONS", func(node *yaml.Node, path string) {
			o.scalars(node, path, operationScalars...)
		})
	})
}

// limits does the same for the scalar keys of the limits that the file has.
func (o overrides) limits(root *yaml.Node) {
	var keys []override
	for _, key := range limitKeys.known {
		if key != "rest" && key != "warm_up" {
			keys = append(keys, override{key: key})
		}
	}
	o.each(o.child(root, "limits", false), "YOUMIFLOW_LIMITS", func(node *yaml.Node, path string) {
		o.scalars(node, path, keys...)
	})
}

// each visits the objects in an object, with the name of their variables.
func (o overrides) each(node *yaml.Node, path string, visit func(*yaml.Node, string)) {
	if node == nil || node.Kind != yaml.MappingNode {
		return
	}
	for i := 0; i+1 < len(node.Content); i += 2 {
		if inner := node.Content[i+1]; inner.Kind == yaml.MappingNode {
			visit(inner, path+"_"+variableName(node.Content[i].Value))
		}
	}
}

func (o overrides) scalars(node *yaml.Node, path string, keys ...override) {
	for _, key := range keys {
		variable := path + "_" + variableName(key.key)
		value, ok := o.lookup(variable)
		if !ok {
			continue
		}
		set := &yaml.Node{Kind: yaml.ScalarNode, Value: value}
		if set.Tag = set.ShortTag(); key.text {
			set.Tag = "!!str"
		}
		o.origin[set] = variable
		o.put(node, key.key, set)
	}
}

func (o overrides) put(node *yaml.Node, key string, value *yaml.Node) {
	for i := 0; i+1 < len(node.Content); i += 2 {
		if node.Content[i].Value == key {
			node.Content[i+1] = value
			return
		}
	}
	node.Content = append(node.Content, &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: key}, value)
}

// child finds an object's inner object, and makes it when it is wanted and missing.
func (o overrides) child(node *yaml.Node, key string, wanted bool) *yaml.Node {
	for i := 0; i+1 < len(node.Content); i += 2 {
		if node.Content[i].Value != key {
			continue
		}
		if inner := node.Content[i+1]; inner.Kind == yaml.MappingNode {
			return inner
		} else if !isNull(inner) {
			return nil
		}
		if !wanted {
			return nil
		}
	}
	if !wanted {
		return nil
	}
	inner := &yaml.Node{Kind: yaml.MappingNode, Tag: "!!map", Line: node.Line, Column: node.Column}
	o.put(node, key, inner)
	return inner
}

// anyOf reports whether one of the variables under a path is set; those of the second list are under its V1.
func (o overrides) anyOf(path string, keys, v1 []override) bool {
	for _, key := range keys {
		if _, ok := o.lookup(path + "_" + variableName(key.key)); ok {
			return true
		}
	}
	for _, key := range v1 {
		if _, ok := o.lookup(path + "_V1_" + variableName(key.key)); ok {
			return true
		}
	}
	return false
}

func variableName(key string) string {
	return strings.ToUpper(notIdentifier.ReplaceAllString(key, "_"))
}
