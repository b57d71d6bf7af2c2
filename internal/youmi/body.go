package youmi

import (
	"strconv"
	"unicode/utf8"
)

// writeBody writes the bodies of the calls that a campaign makes for every customer, byte for byte as encoding/json
// would, and several times as fast. It reports false for others.
func writeBody(body any) ([]byte, bool) {
	switch body := body.(type) {
	case *Message:
		return body.AppendJSON(nil), true
	case *TakeoverApplication:
		return body.AppendJSON(nil), true
	case *TakeoverEnd:
		return body.AppendJSON(nil), true
	}
	return nil, false
}

// AppendJSON writes the message behind what is in to, as Encode would write it.
func (m *Message) AppendJSON(to []byte) []byte {
	o := newObject(to, 192+144*len(m.Batch))
	o.message(m)
	return o.out
}

// AppendJSON writes the application behind what is in to, as Encode would write it.
func (a *TakeoverApplication) AppendJSON(to []byte) []byte {
	o := newObject(to, 192)
	o.open()
	o.text("wechat_key", a.WechatKey)
	o.text("friend_key", a.FriendKey)
	o.text("apply_key", a.ApplyKey)
	o.text("apply_name", a.Name)
	o.text("apply_reason", a.Reason)
	o.text("apply_source", a.Source)
	o.close()
	return o.out
}

// AppendJSON writes the end behind what is in to, as Encode would write it.
func (e *TakeoverEnd) AppendJSON(to []byte) []byte {
	o := newObject(to, 128)
	o.open()
	o.text("TakeOverKey", e.TakeOverKey)
	o.text("WechatId", e.WechatID)
	o.text("ToUserName", e.ToUserName)
	o.close()
	return o.out
}

// object writes JSON objects.
type object struct {
	out   []byte
	comma bool // a field stands before
}

// newObject writes behind what is in to; where there is nothing, to new memory of about the size that is needed.
func newObject(to []byte, size int) object {
	if cap(to) == 0 {
		to = make([]byte, 0, size)
	}
	return object{out: to}
}

func (o *object) open()  { o.out, o.comma = append(o.out, '{'), false }
func (o *object) close() { o.out, o.comma = append(o.out, '}'), true }

// name begins a field.
func (o *object) name(name string) {
	if o.comma {
		o.out = append(o.out, ',')
	}
	o.comma = true
	o.out = append(append(append(o.out, '"'), name...), '"', ':')
}

// text writes a field unless it is empty.
func (o *object) text(name, value string) {
	if value != "" {
		o.always(name, value)
	}
}

func (o *object) always(name, value string) {
	o.name(name)
	o.out = appendText(o.out, value)
}

func (o *object) whole(name string, value int64) {
	o.name(name)
	o.out = strconv.AppendInt(o.out, value, 10)
}

func (o *object) message(m *Message) {
	o.open()
	o.text("TakeOverKey", m.TakeOverKey)
	o.text("WechatId", m.WechatID)
	o.text("ToUserName", m.ToUserName)
	o.text("ShareUnionIDNode", m.ShareFrom)
	o.whole("RelationType", int64(m.RelationType))
	o.content(&m.Content)
	for i := range m.Flags {
		flag := &m.Flags[i]
		o.element("Flags", i)
		o.always("Flag", flag.Flag)
		o.always("MsgType", flag.MsgType)
		o.whole("MsgTime", flag.MsgTime)
		o.whole("MsgIndex", flag.MsgIndex)
		o.ends(i == len(m.Flags)-1)
	}
	for i := range m.Batch {
		o.element("messList", i)
		o.content(&m.Batch[i])
		o.ends(i == len(m.Batch)-1)
	}
	o.close()
}

func (o *object) content(c *Content) {
	o.always("MsgType", c.MsgType)
	o.text("Text", c.Text)
	o.text("CompanyName", c.CompanyName)
	o.text("Url", c.URL)
	o.text("ImageUrl", c.ImageURL)
	o.text("Format", c.Format)
	o.text("Description", c.Description)
	o.text("ThumbnailUrl", c.ThumbnailURL)
	o.text("ThumbMediaUrl", c.ThumbMediaURL)
	o.text("Title", c.Title)
	o.text("MsgId", c.MsgID)
}

// element begins an object in the list of a field, and the list with the first.
func (o *object) element(name string, i int) {
	if i > 0 {
		o.out = append(o.out, ',')
	} else {
		o.name(name)
		o.out = append(o.out, '[')
	}
	o.open()
}

// ends ends it, and the list with the last.
func (o *object) ends(last bool) {
	if o.close(); last {
		o.out = append(o.out, ']')
	}
}

// appendText writes a string as encoding/json does without escaping for HTML: U+FFFD stands in for what is no UTF-8, and the
// line separators that JavaScript would stumble over are escaped.
func appendText(to []byte, text string) []byte {
	const digits = "0123456789abcdef"
	// The first byte of the line separators in UTF-8; in text that is UTF-8 no other byte outside ASCII needs a look.
	const lineSeparators = 0xE2
	looked, whole := false, false
	to = append(to, '"')
	start := 0
	for i := 0; i < len(text); {
		c := text[i]
		if c >= ' ' && c != '"' && c != '\\' && (c < utf8.RuneSelf || whole && c != lineSeparators) {
			i++
			continue
		}
		if c >= utf8.RuneSelf && !looked {
			looked, whole = true, utf8.ValidString(text[i:])
			continue
		}
		if c >= utf8.RuneSelf {
			r, size := utf8.DecodeRuneInString(text[i:])
			switch {
			case r == utf8.RuneError && size == 1:
				to = append(append(to, text[start:i]...), `\ufffd`...)
			case r == '\u2028' || r == '\u2029':
				to = append(append(to, text[start:i]...), `\u202`...)
				to = append(to, digits[r&0xF])
			default:
				i += size
				continue
			}
			i += size
			start = i
			continue
		}
		to = append(to, text[start:i]...)
		switch c {
		case '"', '\\':
			to = append(to, '\\', c)
		case '\b':
			to = append(to, '\\', 'b')
		case '\f':
			to = append(to, '\\', 'f')
		case '\n':
			to = append(to, '\\', 'n')
		case '\r':
			to = append(to, '\\', 'r')
		case '\t':
			to = append(to, '\\', 't')
		default:
			to = append(to, '\\', 'u', '0', '0', digits[c>>4], digits[c&0xF])
		}
		i++
		start = i
	}
	return append(append(to, text[start:]...), '"')
}
