package diagnostic

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
)

// explained is what docs/diagnostics.md says of each code, by code; a test of the documents writes it anew (go test ./docs
// -update) and keeps both alike.
//
//go:embed explained.json
var explained []byte

// explanations reads what there is to say of each code: Markdown, without examples.
func explanations() (map[string]string, error) {
	texts := map[string]string{}
	if err := json.Unmarshal(explained, &texts); err != nil {
		return nil, fmt.Errorf("reading the explanations of codes: %w", err)
	}
	return texts, nil
}

var markdownLink = regexp.MustCompile(`\[([^\]]*)\]\([^)]*\)`)

// plainText takes the marks out of Markdown.
func plainText(markdown string) string {
	return strings.NewReplacer("`", "", "**", "", "*", "").Replace(markdown)
}

// firstSentence is the beginning of a text, up to the first full stop at the end of a word or line.
func firstSentence(text string) string {
	text, _, _ = strings.Cut(strings.TrimPrefix(text, "Warning. "), "\n")
	if end := strings.Index(text, ". "); end >= 0 {
		return text[:end+1]
	}
	return text
}
