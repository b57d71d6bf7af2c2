package steps

import (
	"encoding/json"
	"slices"
	"strings"
)

// peopleIn lists what may be the names of people in a value of which nobody knows where it has them: every text and number
// in it, each part of a list that is written as text, and what is in texts that hold JSON. In order, each once.
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
		var inner any
		if text := strings.TrimSpace(value); depth < deepest && (strings.HasPrefix(text, "[") || strings.HasPrefix(text, "{")) {
			if json.Unmarshal([]byte(text), &inner) == nil {
				collectNames(inner, found, depth+1)
				return
			}
		}
		found[strings.TrimSpace(value)] = true
		for part := range strings.FieldsFuncSeq(value, separates) {
			found[part] = true
		}
	default:
		if text, ok := plain(value); ok {
			found[text] = true
		}
	}
}

// separates tells what stands between the parts of a list that is written as text.
func separates(r rune) bool { return strings.ContainsRune(",;|/ \t\r\n，；、", r) }
