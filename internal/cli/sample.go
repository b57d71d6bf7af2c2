package cli

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strings"

	"youmiflow/internal/web/result"
)

// sampleMessage is the part of a message's request that a person reads. The names are the API's (api-73950154).
type sampleMessage struct {
	MsgType     string          `json:"MsgType"`
	Text        string          `json:"Text"`
	CompanyName string          `json:"CompanyName"`
	URL         string          `json:"Url"`
	ImageURL    string          `json:"ImageUrl"`
	Title       string          `json:"Title"`
	Description string          `json:"Description"`
	Flags       []struct{}      `json:"Flags"`
	From        string          `json:"ShareUnionIDNode"`
	Messages    []sampleMessage `json:"messList"`
}

// writeSample shows a call as the customer will see it, and one that is no message as it is sent.
func writeSample(b *strings.Builder, call result.PlannedCall) {
	lines, message := messageLines(call)
	if !message {
		fmt.Fprintf(b, "  %s  %s\n", call.Operation, call.Request)
	}
	for _, line := range lines {
		fmt.Fprintf(b, "  %s -> %s  %s\n", call.Account, call.Friend, line)
	}
}

// messageLines is what a customer reads of a call; message is false when that is none.
func messageLines(call result.PlannedCall) (lines []string, message bool) {
	var m sampleMessage
	if err := json.Unmarshal(call.Request, &m); err != nil || m.MsgType == "" {
		return nil, false
	}
	return m.lines(), true
}

func (m sampleMessage) lines() []string {
	switch m.MsgType {
	case "text":
		return []string{m.Text}
	case "image":
		return []string{"[image] " + m.URL + m.ImageURL}
	case "video", "link":
		return []string{strings.TrimSpace(fmt.Sprintf("[%s] %s %s %s", m.MsgType, m.Title, m.Description, m.URL))}
	case "file":
		title := m.Title
		if plain, err := url.QueryUnescape(title); err == nil {
			title = plain
		}
		return []string{fmt.Sprintf("[file] %s %s", title, m.URL)}
	case "forward":
		return []string{fmt.Sprintf("[forward] %d messages of %s", len(m.Flags), m.From)}
	case "batch":
		var lines []string
		for _, one := range m.Messages {
			lines = append(lines, one.lines()...)
		}
		return lines
	}
	return []string{strings.TrimSpace(fmt.Sprintf("[%s] %s %s", m.MsgType, m.Text, m.CompanyName))}
}
