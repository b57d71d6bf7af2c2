package workflows

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"
	"time"

	"gopkg.in/yaml.v3"

	"youmiflow/internal/diagnostic"
	"youmiflow/internal/expression"
)

// maxDepth is how deeply lists and objects may be nested.
const maxDepth = 100

// decoder walks the YAML nodes of one file and gathers what is wrong with them.
type decoder struct {
	*problems
	text *text
	// origin names the variable that gave a node which does not stand in the file.
	origin map[*yaml.Node]string
	// compiled hears of every expression, with a way to place a part of it; nil: nobody does.
	compiled func(program *expression.Program, place func(start, end int) diagnostic.Span)
	refused  []string             // names that cannot be used: what they would have named is not missed
	secrets  []Column             // those that expressions read
	kept     string               // what is being read, when it is kept in the ledger
	sent     string               // the step whose inputs are being read, when what they say reaches people
	compiler *expression.Compiler // nil before the first expression
}

// compile compiles an expression with what is known from those before it.
func (d *decoder) compile(source string, scope expression.Scope, want expression.Type) (*expression.Program, error) {
	if d.compiler == nil {
		d.compiler = expression.NewCompiler()
	}
	return d.compiler.Compile(source, scope, want)
}

// at reports an error at a node.
func (d *decoder) at(node *yaml.Node, code, format string, args ...any) {
	message := fmt.Sprintf(format, args...)
	if variable, ok := d.origin[node]; ok {
		d.add(start, code, "the environment variable "+variable+": "+message, "")
		return
	}
	d.add(d.text.spanOf(node), code, message, "")
}

// read turns a source into its one document. Nil means that there is none; the problems say why, or the file is empty.
func (d *decoder) read(source []byte) *yaml.Node {
	var ok bool
	if d.text, ok = readText(source, d.problems); !ok {
		return nil
	}
	d.typedIn = d.text
	reader := yaml.NewDecoder(strings.NewReader(d.text.source))
	var document yaml.Node
	if err := decodeOne(reader, &document); err != nil {
		if !errors.Is(err, io.EOF) {
			d.syntax(err)
		}
		return nil
	}
	var second yaml.Node
	switch err := decodeOne(reader, &second); {
	case err == nil:
		d.at(&second, "yaml-syntax", "a second document begins here: one file holds one document")
		return nil
	case !errors.Is(err, io.EOF):
		d.syntax(err)
		return nil
	}
	if len(document.Content) == 0 || !d.sound(document.Content[0], 0) {
		return nil
	}
	return document.Content[0]
}

// decodeOne keeps a panic of the YAML reader, which is a defect there, from ending the process.
func decodeOne(reader *yaml.Decoder, into *yaml.Node) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("yaml: the reader gave up: %v", r)
		}
	}()
	return reader.Decode(into)
}

// sound refuses what this language leaves out of YAML: aliases and merge keys (one small file can stand for gigabytes),
// tags, and deep nesting.
func (d *decoder) sound(node *yaml.Node, depth int) bool {
	if depth > maxDepth {
		d.at(node, "too-deep", "lists and objects are nested deeper than %d levels", maxDepth)
		return false
	}
	ok := true
	switch {
	case node.Kind == yaml.AliasNode:
		d.at(node, "alias", "aliases (*%s) are not supported: write the value out", node.Value)
		ok = false
	case node.Kind == yaml.ScalarNode && node.Tag == "!!merge":
		d.at(node, "alias", "merge keys (<<) are not supported: write the keys out")
		ok = false
	case node.Style&yaml.TaggedStyle != 0:
		d.at(node, "tag", "YAML tags (%s) are not supported: put text in quotes, write anything else plainly", node.Tag)
		ok = false
	}
	for _, child := range node.Content {
		if !d.sound(child, depth+1) {
			if ok = false; depth > maxDepth-2 {
				return false
			}
		}
	}
	return ok
}

var yamlLine = regexp.MustCompile(`^line (\d+): `)

// syntax reports an error of the YAML reader. It names the line where a structure began; where it stopped reading is
// nearer to the mistake, except for a quote or bracket that was never closed.
func (d *decoder) syntax(err error) {
	message := strings.TrimPrefix(err.Error(), "yaml: ")
	line := 1
	if found := yamlLine.FindStringSubmatch(message); found != nil {
		line, _ = strconv.Atoi(found[1])
		message = message[len(found[0]):]
	}
	last, first := len(d.text.starts), line
	switch {
	case strings.Contains(message, "mapping values are not allowed"): // at the very line
	case !strings.Contains(message, "unexpected end of stream"):
		line = max(line, d.stopped())
	case line >= last && !strings.ContainsAny(d.text.line(last), `"'`):
		line = 1 // the reader says so by giving no line
	}
	span := d.text.whole(min(line, len(d.text.starts)))
	indent, _, _ := strings.Cut(d.text.line(span.Line), strings.TrimLeft(d.text.line(span.Line), " \t"))
	if tab := strings.IndexByte(indent, '\t'); tab >= 0 {
		span = d.text.inside(diagnostic.Span{Line: span.Line, Column: tab + 1, EndColumn: tab + 2})
		d.add(span, "yaml-syntax", "a tab cannot indent YAML: use spaces", "")
		return
	}
	end := span.Line
	if strings.Contains(message, "unexpected end of stream") {
		end += slipLines // a quote that is never closed may have been meant to end further down
	}
	if at, says, ok := d.text.slipped(min(first, span.Line), end); ok {
		span, message = at, says
	} else {
		span, message = d.text.blame(message, span.Line)
	}
	if d.private != nil && d.text.mayHoldSecret(span.Line) {
		d.private[span.Line], span.EndColumn = true, span.Column
		message, _, _ = strings.Cut(message, ": write ") // which repeats the value
	}
	d.add(span, "yaml-syntax", message, "")
}

// plainYAML says the commonest errors of the YAML reader in the words of somebody who writes files.
func plainYAML(message string) string {
	for _, known := range []struct{ has, say string }{
		{"mapping values are not allowed", `a second ": " on this line: put the value in quotes`},
		{"did not find expected key", "this line does not fit the lines above it: check the indentation and the quotes"},
		{"did not find expected '-' indicator", `this line does not fit the list above it: check the indentation and the "- "`},
		{"could not find expected ':'", `a ":" is missing after the key, or the indentation is wrong`},
		{"found unexpected end of stream", "a quote that begins here is never closed"},
		{"did not find expected ',' or ']'", `a "[" is not closed, or a comma is missing`},
		{"did not find expected ',' or '}'", `a "{" is not closed, or a comma is missing; a value with ${{ }} inside braces needs quotes`},
		{"cannot start any token", "a value cannot begin with this character: put it in quotes"},
		{"exceeded max depth", "lists and objects are nested too deeply"},
		{"unknown anchor", "aliases (*name) are not supported: write the value out"},
	} {
		if strings.Contains(message, known.has) {
			return known.say
		}
	}
	return "not valid YAML: " + message
}

// stopped finds the line at which the YAML reader gives up, by handing it one line at a time.
func (d *decoder) stopped() int {
	lines := &lineReader{text: d.text}
	reader := yaml.NewDecoder(lines)
	for {
		var node yaml.Node
		if decodeOne(reader, &node) != nil {
			break
		}
	}
	line := min(lines.next, len(d.text.starts))
	for line > 1 && (strings.TrimSpace(d.text.line(line)) == "" || strings.HasPrefix(strings.TrimSpace(d.text.line(line)), "#")) {
		line--
	}
	return line
}

// lineReader hands out a text line by line and counts the lines.
type lineReader struct {
	text *text
	next int
	rest []byte
}

func (l *lineReader) Read(into []byte) (int, error) {
	if len(l.rest) == 0 {
		if l.next >= len(l.text.starts) {
			return 0, io.EOF
		}
		l.next++
		l.rest = []byte(l.text.line(l.next) + "\n")
	}
	n := copy(into, l.rest)
	l.rest = l.rest[n:]
	return n, nil
}

// kindOf names what a node holds, for messages.
func kindOf(node *yaml.Node) string {
	switch node.Kind {
	case yaml.MappingNode:
		return "an object"
	case yaml.SequenceNode:
		return "a list"
	}
	switch node.Tag {
	case "!!int":
		return "a number"
	case "!!float":
		return "a decimal number"
	case "!!bool":
		return "a boolean"
	case "!!null":
		return "nothing"
	case "!!timestamp":
		return "a date"
	}
	return "text"
}

// wrong reports a node of the wrong YAML type.
func (d *decoder) wrong(node *yaml.Node, what, want string) {
	if node.Kind == yaml.ScalarNode && node.Tag == "!!null" {
		d.at(node, "wrong-type", "%s is empty: it needs %s", what, want)
		return
	}
	hint := ""
	if want == "text" && node.Kind == yaml.ScalarNode {
		hint = ": put it in quotes"
	}
	d.at(node, "wrong-type", "%s needs %s, and this is %s%s", what, want, kindOf(node), hint)
}

// str reads text that is not empty.
func (d *decoder) str(node *yaml.Node, what string) (string, bool) {
	if node.Kind != yaml.ScalarNode || node.Tag != "!!str" && node.Tag != "!!timestamp" {
		d.wrong(node, what, "text")
		return "", false
	}
	if strings.TrimSpace(node.Value) == "" {
		d.at(node, "wrong-type", "%s is empty: it needs text", what)
		return "", false
	}
	return node.Value, true
}

// integer reads a whole number between two bounds.
func (d *decoder) integer(node *yaml.Node, what string, least, most int) (int, bool) {
	if node.Kind != yaml.ScalarNode || node.Tag != "!!int" {
		d.wrong(node, what, "a whole number")
		return 0, false
	}
	n, err := parseInteger(node.Value)
	if err != nil {
		d.at(node, "wrong-type", "%s: %s", what, err)
		return 0, false
	}
	if n < least || n > most {
		d.at(node, "out-of-range", "%s must be from %d to %d, and this is %d", what, least, most, n)
		return 0, false
	}
	return n, true
}

var leadingZero = regexp.MustCompile(`^[-+]?0[0-9_]+$`)

// parseInteger reads a whole number as YAML writes it. One with leading zeros means different things to different
// readers, and is mostly an identifier, so it is refused.
func parseInteger(s string) (int, error) {
	if leadingZero.MatchString(s) {
		return 0, fmt.Errorf("%s begins with a zero: put it in quotes when it is text, else leave the zero out", s)
	}
	n, err := strconv.ParseInt(strings.ReplaceAll(s, "_", ""), 0, 64)
	if errors.Is(err, strconv.ErrRange) {
		return 0, fmt.Errorf("%s is too large for a number: put it in quotes when it is text", s)
	}
	if err != nil {
		return 0, fmt.Errorf("%q is not a whole number", s)
	}
	return int(n), nil
}

// boolean reads true or false.
func (d *decoder) boolean(node *yaml.Node, what string) (value, ok bool) {
	if node.Kind != yaml.ScalarNode || node.Tag != "!!bool" {
		d.wrong(node, what, "true or false")
		return false, false
	}
	return strings.EqualFold(node.Value, "true"), true
}

// duration reads a positive duration such as 30s, 2m or 7d.
func (d *decoder) duration(node *yaml.Node, what string) (time.Duration, bool) {
	if node.Kind != yaml.ScalarNode || node.Tag == "!!null" {
		d.wrong(node, what, "a duration such as 30s, 5m or 2h")
		return 0, false
	}
	value, err := ParseDuration(node.Value)
	if err != nil {
		d.at(node, "bad-duration", "%s: %s", what, err)
		return 0, false
	}
	return value, true
}

// durations reads one duration or a range such as 2s..5s; what is wrong is 0.
func (d *decoder) durations(node *yaml.Node, what string) (least, most time.Duration) {
	from, to, isRange := strings.Cut(node.Value, "..")
	if node.Kind != yaml.ScalarNode || node.Tag == "!!null" || !isRange {
		least, _ = d.duration(node, what)
		return least, least
	}
	least, err := ParseDuration(from)
	if err == nil {
		most, err = ParseDuration(to)
	}
	if err != nil {
		d.at(node, "bad-duration", "%s: %s", what, err)
		return 0, 0
	}
	if most < least {
		d.at(node, "bad-duration", "%s: the range %s ends before it begins", what, node.Value)
		return 0, 0
	}
	return least, most
}

// items reads a list, or reports that it is none.
func (d *decoder) items(node *yaml.Node, what string) ([]*yaml.Node, bool) {
	if node.Kind != yaml.SequenceNode {
		d.wrong(node, what, "a list")
		return nil, false
	}
	return node.Content, true
}

func isNull(node *yaml.Node) bool { return node.Kind == yaml.ScalarNode && node.Tag == "!!null" }

// readLimited reads at most MaxSource bytes and one more, which tells a file that is too large.
func readLimited(r io.Reader) ([]byte, error) {
	var b bytes.Buffer
	_, err := io.Copy(&b, io.LimitReader(r, MaxSource+1))
	return b.Bytes(), err
}
