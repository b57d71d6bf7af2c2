package diagnostic

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
)

// JSON prints the list as an array of {"file", "line", "column", "end_column", "severity", "code", "message",
// "suggestion"}; an empty list is an empty array.
func JSON(w io.Writer, list List) error {
	if list == nil {
		list = List{}
	}
	return indented(w, list)
}

func indented(w io.Writer, value any) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(value)
}

// GitHub prints the list as workflow commands of GitHub Actions, which shows them beside the lines of a pull request
// (docs.github.com, "Workflow commands for GitHub Actions", "Setting an error message").
func GitHub(w io.Writer, list List) error {
	for _, d := range list {
		if _, err := io.WriteString(w, command(d)); err != nil {
			return err
		}
	}
	return nil
}

func command(d Diagnostic) string {
	kind := "error"
	if !d.stops() {
		kind = "warning"
	}
	properties := []string{"file=" + inProperty(d.File)}
	if d.Line > 0 {
		properties = append(properties, fmt.Sprintf("line=%d", d.Line))
	}
	if d.Column > 0 {
		properties = append(properties, fmt.Sprintf("col=%d", d.Column))
	}
	if d.EndColumn > d.Column {
		properties = append(properties, fmt.Sprintf("endColumn=%d", d.EndColumn))
	}
	properties = append(properties, "title="+inProperty(d.Code))
	return fmt.Sprintf("::%s %s::%s\n", kind, strings.Join(properties, ","), inData(d.sentence()))
}

// inData escapes what would end a command's message, as the runner undoes it.
func inData(text string) string {
	return strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A").Replace(text)
}

// inProperty escapes what would end a command's property, too.
func inProperty(text string) string {
	return strings.NewReplacer(":", "%3A", ",", "%2C").Replace(inData(text))
}

// sentence is the message with the suggestion, for formats that have no place of their own for it.
func (d Diagnostic) sentence() string {
	if d.Suggestion == "" {
		return d.Message
	}
	return d.Message + "; " + hint(d)
}
