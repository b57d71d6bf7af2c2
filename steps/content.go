package steps

import (
	"fmt"
	"strings"

	"youmiflow/internal/youmi"
	"youmiflow/workflows"
)

// content is one kind of message: how a workflow writes it and what it becomes.
type content struct {
	field  workflows.Field
	inline bool // may stand in a batch
	// build makes the content of a single message.
	build func(in inputs) (youmi.Content, error)
}

// contents is the table of language.md, in its order.
func contents() []content {
	return []content{
		{textField(), true, buildText},
		{objectField("image", "a picture (图片)", "url", urlField("Url", "the picture's address"), formatField("png")), true, buildImage},
		{objectField("video", "a video (视频)", "url",
			urlField("Url", "the video's address; it must carry the file's suffix, or the platform does not send it"), formatField("mp4"),
			optional("title", "Title", "the title"), optional("description", "Description", "the description"),
			web(optional("thumbnail", "ThumbnailUrl", "the preview picture's address"))), true, buildVideo},
		{objectField("file", "a file (文件)", "url", urlField("Url", "where to download it"),
			optional("title", "Title", "its name; default the last part of the address. It is URL-encoded for the platform, and gets the format as its suffix when it has none"),
			formatField("pdf")), true, buildFile},
		{objectField("link", "a link (链接)", "url", urlField("Url", "where it leads"), optional("title", "Title", "the title"),
			optional("description", "Description", "the description"), web(optional("thumbnail", "ThumbMediaUrl", "the picture's address"))), true, buildLink},
		{nameField("card", "the name card of a person (个微名片)", "the person's nickname"), false, buildNamed("card", youmi.TypeCard)},
		{objectField("wecom_card", "the name card of a WeCom member (企微名片)", "", mustText("name", "Text", "the member's nickname"),
			mustText("company", "CompanyName", "the member's company")), false, buildWecomCard},
		{nameField("mini_program", "a mini program (小程序)", "its name"), false, buildNamed("mini_program", youmi.TypeMiniProgram)},
		{nameField("official_account", "an official account (公众号)", "its name"), false, buildNamed("official_account", youmi.TypeOfficialAccount)},
		{switchField("collect_payment", "asks for a payment (收款)"), false, buildSwitch("collect_payment", youmi.TypeCollectPayment)},
		{switchField("refund", "pays money back (退款)"), false, buildSwitch("refund", youmi.TypeRefund)},
	}
}

func textField() workflows.Field {
	return workflows.Field{Name: "text", Type: textType(), APIName: "Text", Description: fmt.Sprintf("a text (文本), not empty, at most %d characters", maxText)}
}

func objectField(name, description, scalar string, fields ...workflows.Field) workflows.Field {
	return workflows.Field{Name: name, Type: objectType(fields), Description: description, Fields: fields, Scalar: scalar}
}

func nameField(name, description, of string) workflows.Field {
	return objectField(name, description, "name", mustText("name", "Text", of))
}

func switchField(name, description string) workflows.Field {
	return workflows.Field{Name: name, Type: boolType(), Enum: []any{true}, Description: description}
}

func urlField(apiName, description string) workflows.Field {
	return web(mustText("url", apiName, description))
}

func formatField(example string) workflows.Field {
	return optional("format", "Format", "the file's suffix, such as "+example+"; default that of the address")
}

// webPattern catches, when the file is loaded, an address without http:// or https://. The rest is looked at when the
// address is known (inputs.address).
const webPattern = `^\s*[Hh][Tt][Tt][Pp][Ss]?://`

// web is a field that takes an http or https address.
func web(field workflows.Field) workflows.Field {
	field.Pattern, field.Form = webPattern, "an address that begins with http:// or https://, such as https://www.example.com/picture.png"
	return field
}

func mustText(name, apiName, description string) workflows.Field {
	return workflows.Field{Name: name, Type: textType(), Required: true, APIName: apiName, Description: description}
}

func optional(name, apiName, description string) workflows.Field {
	return workflows.Field{Name: name, Type: textType(), APIName: apiName, Description: description}
}

func buildText(in inputs) (youmi.Content, error) {
	text, err := in.required("text", maxText)
	return youmi.Content{MsgType: youmi.TypeText, Text: text}, err
}

func buildImage(in inputs) (youmi.Content, error) {
	in, err := in.object("image", "url")
	if err != nil {
		return youmi.Content{}, err
	}
	at, err := in.media()
	return youmi.Content{MsgType: youmi.TypeImage, URL: at.url, Format: at.format}, err
}

func buildVideo(in inputs) (youmi.Content, error) {
	in, err := in.object("video", "url")
	if err != nil {
		return youmi.Content{}, err
	}
	at, err := in.media()
	if err != nil {
		return youmi.Content{}, err
	}
	if at.suffix == "" {
		return youmi.Content{}, in.noSuffix(at)
	}
	c := youmi.Content{MsgType: youmi.TypeVideo, URL: at.url, Format: at.format}
	return c, in.describe(&c.Title, &c.Description, &c.ThumbnailURL)
}

func buildFile(in inputs) (youmi.Content, error) {
	in, err := in.object("file", "url")
	if err != nil {
		return youmi.Content{}, err
	}
	title, err := in.text("title", maxShort)
	if err != nil {
		return youmi.Content{}, err
	}
	at, err := in.file(strings.TrimSpace(title))
	return youmi.Content{MsgType: youmi.TypeFile, URL: at.url, Title: escape(at.name), Format: at.format}, err
}

func buildLink(in inputs) (youmi.Content, error) {
	in, err := in.object("link", "url")
	if err != nil {
		return youmi.Content{}, err
	}
	c := youmi.Content{MsgType: youmi.TypeLink}
	if c.URL, err = in.address("url"); err != nil {
		return youmi.Content{}, err
	}
	return c, in.describe(&c.Title, &c.Description, &c.ThumbMediaURL)
}

// describe reads what a video and a link have in common.
func (in inputs) describe(title, description, thumbnail *string) (err error) {
	if *title, err = in.text("title", maxShort); err != nil {
		return err
	}
	if *description, err = in.text("description", maxShort); err != nil {
		return err
	}
	if in.has("thumbnail") {
		*thumbnail, err = in.address("thumbnail")
	}
	return err
}

func buildNamed(field, msgType string) func(inputs) (youmi.Content, error) {
	return func(in inputs) (youmi.Content, error) {
		in, err := in.object(field, "name")
		if err != nil {
			return youmi.Content{}, err
		}
		name, err := in.required("name", maxShort)
		return youmi.Content{MsgType: msgType, Text: name}, err
	}
}

func buildWecomCard(in inputs) (youmi.Content, error) {
	in, err := in.object("wecom_card", "")
	if err != nil {
		return youmi.Content{}, err
	}
	c := youmi.Content{MsgType: youmi.TypeWecomCard}
	if c.Text, err = in.required("name", maxShort); err != nil {
		return c, err
	}
	c.CompanyName, err = in.required("company", maxShort)
	return c, err
}

func buildSwitch(field, msgType string) func(inputs) (youmi.Content, error) {
	return func(in inputs) (youmi.Content, error) {
		if in.values[field] != true {
			return youmi.Content{}, fmt.Errorf("%s can only be true, not %s", in.name(field), kind(in.values[field]))
		}
		return youmi.Content{MsgType: msgType}, nil
	}
}
