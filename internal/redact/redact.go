// Package redact hides secrets in what leaves the process: the ledger, plans, reports, logs and messages. It knows texts
// and nothing of where they go. It imports the standard library only.
package redact

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"net/url"
	"slices"
	"strings"
)

// Mark stands in place of a secret.
const Mark = "***"

// Shortest is the fewest bytes that a secret may have: to hide a shorter one would be to hide ordinary words and numbers
// everywhere, and it could be guessed.
const Shortest = 6

// Redactor hides the values it was made of. The nil *Redactor hides nothing. It is safe for concurrent use.
type Redactor struct {
	replacer *strings.Replacer
	filter   *filter // of what it replaces
}

// New makes a redactor of secrets; nil when there are none. Values shorter than Shortest are left out: whoever reads them
// in has to refuse them.
func New(values ...string) *Redactor {
	var found []string
	for _, value := range values {
		if len(value) >= Shortest {
			found = append(found, forms(value)...)
		}
	}
	if len(found) == 0 {
		return nil
	}
	// The longest first: a secret may be the beginning of another, and the replacer takes the first that fits.
	slices.SortFunc(found, func(a, b string) int {
		if len(a) != len(b) {
			return len(b) - len(a)
		}
		return strings.Compare(a, b)
	})
	found = slices.Compact(found)
	pairs := make([]string, 0, 2*len(found))
	for _, form := range found {
		pairs = append(pairs, form, Mark)
	}
	return &Redactor{strings.NewReplacer(pairs...), newFilter(found)}
}

// forms are how a value may be written: as it is, within JSON (also a JSON text within another), in an address, in
// base64 wherever it stands in the text that was encoded, and cut short.
func forms(value string) []string {
	found := []string{value, url.QueryEscape(value), url.PathEscape(value)}
	once := []string{quoted(value, true), quoted(value, false)}
	for _, form := range once {
		found = append(found, form, quoted(form, true), quoted(form, false))
	}
	for _, form := range []string{value, once[0], once[1]} {
		found = append(found, cuts(form)...)
	}
	for _, encoding := range []*base64.Encoding{base64.RawStdEncoding, base64.RawURLEncoding} {
		for shift := range 3 {
			found = append(found, encoded(encoding, value, shift))
		}
	}
	return found
}

// cuts are the beginnings of a value that messages show in place of a longer text, with the mark of having been cut.
func cuts(value string) []string {
	const least, most = 4, 300 // characters
	var found []string
	count := 0
	for end := range value {
		if count >= least {
			found = append(found, value[:end]+"…")
		}
		if count++; count > most {
			break
		}
	}
	return found
}

// quoted is a value as JSON writes it, without the quotes.
func quoted(value string, html bool) string {
	var b strings.Builder
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(html)
	if err := encoder.Encode(value); err != nil {
		return value // a string can always be encoded
	}
	text := strings.TrimSuffix(b.String(), "\n")
	return text[1 : len(text)-1]
}

// encoded is the part of a base64 text that depends on the value alone, when so many bytes (modulo 3) stand before it.
func encoded(encoding *base64.Encoding, value string, shift int) string {
	text := encoding.EncodeToString([]byte(strings.Repeat("\x00", shift) + value))
	first := (8*shift + 5) / 6
	return text[first : 8*(shift+len(value))/6]
}

// Text hides the secrets in a text.
func (r *Redactor) Text(s string) string {
	if r == nil || passes(r.filter, s) {
		return s
	}
	return r.replacer.Replace(s)
}

// JSON hides the secrets in a JSON text, which stays one.
func (r *Redactor) JSON(text json.RawMessage) json.RawMessage {
	if r == nil || passes(r.filter, text) {
		return text
	}
	hidden := json.RawMessage(r.replacer.Replace(string(text)))
	if bytes.Equal(hidden, text) || json.Valid(hidden) {
		return hidden
	}
	// A secret of digits stood there as a number.
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	var value any
	if err := decoder.Decode(&value); err != nil {
		return json.RawMessage(`"` + Mark + `"`)
	}
	whole, err := json.Marshal(r.Value(value))
	if err != nil {
		return json.RawMessage(`"` + Mark + `"`)
	}
	return whole
}

// Value hides the secrets in a value of the kinds that JSON has, in the names of objects too. Lists and objects are copied.
func (r *Redactor) Value(value any) any {
	if r == nil {
		return value
	}
	switch value := value.(type) {
	case string:
		return r.Text(value)
	case json.Number:
		if hidden := r.Text(value.String()); hidden != value.String() {
			return hidden
		}
		return value
	case []any:
		out := make([]any, len(value))
		for i := range value {
			out[i] = r.Value(value[i])
		}
		return out
	case map[string]any:
		out := make(map[string]any, len(value))
		for name, inner := range value {
			out[r.Text(name)] = r.Value(inner)
		}
		return out
	}
	return value
}
