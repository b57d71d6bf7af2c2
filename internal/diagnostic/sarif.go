package diagnostic

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"unicode/utf16"
)

// SARIF prints the list in the Static Analysis Results Interchange Format 2.1.0 (OASIS), which code hosts import: with what
// docs/diagnostics.md says of each code, and a fingerprint by which a problem is known again when lines move. Columns are
// UTF-16 code units, SARIF's own and what hosts take for granted, counted in the lines that source gives (see Text); where it
// fails they are counted in characters. Version is that of the program, or "".
func SARIF(w io.Writer, list List, source func(file string) ([]byte, error), version string) error {
	texts, err := explanations()
	if err != nil {
		return err
	}
	run := sarifRun{
		Tool: sarifTool{Driver: sarifDriver{Name: "youmiflow", SemanticVersion: strings.TrimPrefix(version, "v"), Rules: []sarifRule{}}}, ColumnKind: "utf16CodeUnits",
		Results: []sarifResult{},
	}
	codes := make([]string, len(list))
	for i, d := range list {
		codes[i] = d.Code
	}
	slices.Sort(codes)
	codes = slices.Compact(codes)
	for _, code := range codes {
		run.Tool.Driver.Rules = append(run.Tool.Driver.Rules, ruleOf(code, texts[code]))
	}
	lines, count := lineReader{source: source, files: map[string][]byte{}}, map[string]int{}
	for _, d := range list {
		line, _ := lines.line(d)
		result := d.sarif(line)
		result.RuleIndex, _ = slices.BinarySearch(codes, d.Code)
		key := fingerprint(d, line)
		count[key]++
		result.Fingerprints = map[string]string{"youmiflow/v1": fmt.Sprintf("%s:%d", key, count[key])}
		run.Results = append(run.Results, result)
	}
	return indented(w, sarifLog{
		Schema:  "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json",
		Version: "2.1.0",
		Runs:    []sarifRun{run},
	})
}

// ruleOf tells what a code means. One that the documents do not explain has its name only.
func ruleOf(code, text string) sarifRule {
	rule := sarifRule{ID: code}
	if text != "" {
		text = markdownLink.ReplaceAllString(text, "$1") // its links lead nowhere on another host
		plain := plainText(text)
		rule.Short = &sarifMessage{Text: firstSentence(plain)}
		rule.Full = &sarifMessage{Text: plain}
		rule.Help = &sarifMessage{Text: plain, Markdown: text}
	}
	return rule
}

// fingerprint is of what a problem says and of the text of its line, and not of where the line stands.
func fingerprint(d Diagnostic, line string) string {
	sum := sha256.Sum256([]byte(strings.Join([]string{filepath.ToSlash(d.File), d.Code, d.Message, strings.TrimSpace(line)}, "\x00")))
	return hex.EncodeToString(sum[:8])
}

// lineReader finds the lines of problems, and asks for each file once.
type lineReader struct {
	source func(file string) ([]byte, error)
	files  map[string][]byte
}

// line is the line that a problem is in.
func (r lineReader) line(d Diagnostic) (string, bool) {
	text, known := r.files[d.File]
	if !known && r.source != nil {
		if read, err := r.source(d.File); err == nil { // a file that has gone since costs its columns, not the message
			text = read
		}
		r.files[d.File] = text
	}
	return lineOf(text, d.Line)
}

func (d Diagnostic) sarif(line string) sarifResult {
	level := "error"
	if !d.stops() {
		level = "warning"
	}
	place := sarifPhysical{ArtifactLocation: artifact(d.File)}
	place.Region = sarifRegion{StartLine: max(d.Line, 1)} // hosts ask for one, also of what concerns the whole file
	if d.Line > 0 && d.Column > 0 {
		place.Region.StartColumn = utf16Column(line, d.Column)
		if d.EndColumn >= d.Column {
			place.Region.EndColumn = utf16Column(line, d.EndColumn)
		}
	}
	return sarifResult{
		RuleID:    d.Code,
		Level:     level,
		Message:   sarifMessage{Text: cmp.Or(d.sentence(), d.Code)},
		Locations: []sarifLocation{{PhysicalLocation: place}},
	}
}

// artifact names a file: relative to the top of the repository, which is where the program runs, unless it is elsewhere.
func artifact(file string) sarifArtifact {
	slashed := filepath.ToSlash(file)
	if filepath.IsAbs(file) {
		if !strings.HasPrefix(slashed, "/") { // C:/…
			slashed = "/" + slashed
		}
		return sarifArtifact{URI: (&url.URL{Scheme: "file", Path: slashed}).String()}
	}
	return sarifArtifact{URI: (&url.URL{Path: slashed}).String(), Base: "%SRCROOT%"}
}

// utf16Column counts the code units before a column that counts characters. A byte order mark at the beginning of a file is
// no character here, and editors do not count it either. Behind the end of the line each column is one unit.
func utf16Column(line string, column int) int {
	units := 0
	rest := column - 1
	for _, r := range strings.TrimPrefix(line, "\ufeff") {
		if rest <= 0 {
			break
		}
		rest--
		units += max(utf16.RuneLen(r), 1)
	}
	return units + max(rest, 0) + 1
}

type sarifLog struct {
	Schema  string     `json:"$schema"`
	Version string     `json:"version"`
	Runs    []sarifRun `json:"runs"`
}

type sarifRun struct {
	Tool       sarifTool     `json:"tool"`
	ColumnKind string        `json:"columnKind"`
	Results    []sarifResult `json:"results"`
}

type sarifTool struct {
	Driver sarifDriver `json:"driver"`
}

type sarifDriver struct {
	Name            string      `json:"name"`
	SemanticVersion string      `json:"semanticVersion,omitempty"`
	Rules           []sarifRule `json:"rules"`
}

type sarifRule struct {
	ID    string        `json:"id"`
	Short *sarifMessage `json:"shortDescription,omitempty"`
	Full  *sarifMessage `json:"fullDescription,omitempty"`
	Help  *sarifMessage `json:"help,omitempty"`
}

type sarifResult struct {
	RuleID       string            `json:"ruleId"`
	RuleIndex    int               `json:"ruleIndex"`
	Level        string            `json:"level"`
	Message      sarifMessage      `json:"message"`
	Locations    []sarifLocation   `json:"locations"`
	Fingerprints map[string]string `json:"partialFingerprints"`
}

type sarifMessage struct {
	Text     string `json:"text"`
	Markdown string `json:"markdown,omitempty"`
}

type sarifLocation struct {
	PhysicalLocation sarifPhysical `json:"physicalLocation"`
}

type sarifPhysical struct {
	ArtifactLocation sarifArtifact `json:"artifactLocation"`
	Region           sarifRegion   `json:"region"`
}

type sarifArtifact struct {
	URI  string `json:"uri"`
	Base string `json:"uriBaseId,omitempty"`
}

type sarifRegion struct {
	StartLine   int `json:"startLine"`
	StartColumn int `json:"startColumn,omitempty"`
	EndColumn   int `json:"endColumn,omitempty"`
}
