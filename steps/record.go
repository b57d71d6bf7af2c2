package steps

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
)

// Reading a chat record (api-185486756). The page lists types with the form of two columns; the names of the other columns
// were not seen. Whatever is not understood stays as it came.

// records adds `messages`.
func records(outputs map[string]any) error {
	list, ok := listIn(outputs["values"])
	if !ok {
		return fmt.Errorf("there are no records in the answer: %s", kindOfAnswer(outputs["values"]))
	}
	messages := make([]any, 0, len(list))
	for _, element := range list {
		if object, ok := element.(map[string]any); ok {
			messages = append(messages, record(object))
		}
	}
	outputs["messages"] = messages
	return nil
}

func record(columns map[string]any) map[string]any {
	kind, _ := firstColumn(columns, []string{"ad_chatting_type", "ad_chatting_msgtype", "msgType", "type"})
	content, _ := plain(columns["ad_chatting_content"])
	reserved := decodeReserved(columns["ad_chatting_resvred"])
	number, _ := plain(kind)
	message := map[string]any{
		"kind": recordKind(number, content), "type": kind, "text": content, "media_key": "", "name": "",
		"link": map[string]any{}, "file": map[string]any{}, "seconds": 0, "sent": nil, "time": columns["ad_chatting_time"],
		"reserved": reserved, "record": columns,
	}
	if sent, ok := columns["ad_chatting_issend"]; ok {
		text, _ := plain(sent)
		message["sent"] = sent == true || text == "1"
	}
	fields, _ := reserved.(map[string]any)
	interpret(message, content, fields)
	return message
}

// recordKind names a type. Type 4 stands under image and under voice: the content's form tells them apart.
func recordKind(number, content string) string {
	switch number {
	case "1":
		return "text"
	case "2", "3":
		return "image"
	case "4":
		if strings.HasPrefix(content, "audio") {
			return "voice"
		}
		return "image"
	case "34":
		return "voice"
	case "42":
		return "card"
	case "48":
		return "location"
	case "49":
		return "link"
	case "50":
		return "video_chat"
	case "495":
		return "group_invitation"
	case "496":
		return "file"
	case "1001":
		return "shared_card"
	case "4919":
		return "chat_record"
	case "4933":
		return "mini_program"
	}
	return "other"
}

// interpret fills in what the kind has.
func interpret(message map[string]any, content string, reserved map[string]any) {
	switch message["kind"] {
	case "image":
		message["media_key"] = within(content, "imgs[", "]")
	case "voice":
		message["media_key"] = within(content, "audio[", "]") + within(content, "audioT[", "]")
		message["seconds"], _ = numberIn(reserved["videoLen"])
	case "card":
		if message["name"] = within(content, "MP[", "]"); message["name"] == "" {
			message["name"], _ = plain(reserved["nickname"])
		}
	case "location", "link", "group_invitation":
		message["link"] = linkOf(within(content, "a(", ")"), reserved)
	case "file":
		message["media_key"] = within(content, "file[", "]")
		title, _ := plain(reserved["title"])
		address, _ := plain(reserved["url"])
		size, _ := numberIn(reserved["totalLen"])
		message["file"] = map[string]any{"title": title, "size": size, "url": address}
	}
}

func linkOf(address string, reserved map[string]any) map[string]any {
	link := map[string]any{"url": address}
	for name, column := range map[string]string{"title": "title", "description": "desc", "thumbnail": "thumbUrl"} {
		link[name], _ = plain(reserved[column])
	}
	if given, _ := plain(reserved["url"]); given != "" {
		link["url"] = given
	}
	return link
}

// within takes what stands between an opening and the closing at the end; "" when it does not.
func within(content, opening, closing string) string {
	content = strings.TrimSpace(content)
	if inner, ok := strings.CutPrefix(content, opening); ok {
		if inner, ok = strings.CutSuffix(inner, closing); ok {
			return inner
		}
	}
	return ""
}

// decodeReserved reads URL-encoded JSON, or JSON as it is; nil when it is neither.
func decodeReserved(value any) any {
	switch value := value.(type) {
	case map[string]any, []any:
		return value
	case string:
		for range 2 {
			if decoded, err := decodeValues(json.RawMessage(strings.TrimSpace(value))); err == nil && json.Valid([]byte(value)) {
				return decoded
			}
			plain, err := url.QueryUnescape(value)
			if err != nil {
				return nil
			}
			value = plain
		}
		if decoded, err := decodeValues(json.RawMessage(value)); err == nil && json.Valid([]byte(value)) {
			return decoded
		}
	}
	return nil
}
