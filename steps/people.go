package steps

import (
	"encoding/json"
	"net/url"
	"slices"
	"strings"
	"unicode"
)

// peopleIn lists what may be the names of people in a value of which nobody knows where it has them: every text and number
// in it, each part of a list, a form or an address that is written as text, and what is in texts that hold JSON. In order,
// each once.
func peopleIn(value any) []string {
	found := map[string]bool{}
	collectNames(value, found, 0)
	delete(found, "")
	list := make([]string, 0, len(found))
	for name := range found {
		list = append(list, name)
	}
	slices.Sort(list)
	return list
}

// deepest bounds JSON in texts in JSON.
const deepest = 4

func collectNames(value any, found map[string]bool, depth int) {
	switch value := value.(type) {
	case map[string]any:
		for key, inner := range value {
			found[key] = true // an object may be by person
			collectNames(inner, found, depth)
		}
	case []any:
		for _, inner := range value {
			collectNames(inner, found, depth)
		}
	case string:
		collectText(value, found, depth)
	default:
		if text, ok := plain(value); ok {
			found[text] = true
		}
	}
}

// collectText finds the names in a text: in what it holds as JSON, else as it stands, and decoded as the part of an address or of
// a form. A name is cut out in two ways, since no page says what it may have in it: at what stands between the
// parts of a list, and at everything that is no letter, digit, `_`, `-` or `@`.
func collectText(text string, found map[string]bool, depth int) {
	var inner any
	if trimmed := strings.TrimSpace(text); depth < deepest && (strings.HasPrefix(trimmed, "[") || strings.HasPrefix(trimmed, "{")) {
		if json.Unmarshal([]byte(trimmed), &inner) == nil {
			collectNames(inner, found, depth+1)
			return
		}
	}
	found[strings.TrimSpace(text)] = true
	for part := range strings.FieldsFuncSeq(text, listed) {
		found[part] = true
		if decoded, err := url.QueryUnescape(part); err == nil && decoded != part && depth < deepest {
			collectText(decoded, found, depth+1)
		}
	}
	for part := range strings.FieldsFuncSeq(text, foreign) {
		found[part] = true
	}
}

// listed tells what stands between the parts of a list, a form or an address that is written as text.
func listed(r rune) bool { return strings.ContainsRune(",;|/=&?:<>\"'# \t\r\n，；、：", r) }

// foreign tells what no name has in it.
func foreign(r rune) bool {
	return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune("_-@", r)
}
