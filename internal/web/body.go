package web

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"reflect"
	"strings"
	"time"
)

// decode reads a JSON body into a value, and refuses what the value has no place for. No body is the zero value.
func decode[B any](r *http.Request) (B, error) {
	var body B
	if kind := r.Header.Get("Content-Type"); kind != "" || r.ContentLength != 0 {
		if media, _, err := mime.ParseMediaType(kind); err != nil || media != "application/json" {
			return body, refuse(codeMediaType, "send the body as application/json")
		}
	}
	text, err := io.ReadAll(r.Body)
	if large, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return body, refuse(codeTooLarge, fmt.Sprintf("a body holds at most %d bytes", large.Limit))
	}
	if err != nil {
		return body, refuse(codeBody, "the body did not arrive whole: send it again")
	}
	if err := decodeWhole(text, &body); err != nil {
		return body, refuse(codeBody, "the body is not what is wanted: "+err.Error())
	}
	return body, nil
}

// decodeWhole reads one object, whose names all have their place, and of which those are there that have to be. No text
// is an object without names. Errors are for whoever has written the text: they name nothing of Go.
func decodeWhole(text []byte, body any) error {
	if len(text) == 0 {
		text = []byte("{}")
	}
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(body); err != nil {
		return inWords(err, text, reflect.TypeOf(body).Elem())
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return errors.New("there is more behind the object: write one object only")
	}
	var there map[string]json.RawMessage
	if err := json.Unmarshal(text, &there); err != nil || there == nil {
		return errors.New("write an object, such as {}")
	}
	for _, field := range reflect.VisibleFields(reflect.TypeOf(body).Elem()) {
		name, options, _ := strings.Cut(field.Tag.Get("json"), ",")
		if value := there[name]; options == "" && (value == nil || string(value) == "null") {
			return fmt.Errorf("%s is missing: write %s", name, taken(field.Type))
		}
	}
	return nil
}

// inWords says what is wrong with a text that cannot be read as a body of some type, and what would be right.
func inWords(err error, text []byte, body reflect.Type) error {
	if syntax, ok := errors.AsType[*json.SyntaxError](err); ok {
		return fmt.Errorf("it is no JSON: byte %d: %w", syntax.Offset, err)
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return errors.New("it is no JSON: it ends before the object does")
	}
	if wrong, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		if wrong.Field == "" {
			return fmt.Errorf("write an object, not %s", given(wrong.Value))
		}
		return fmt.Errorf("%s: write %s, not %s", wrong.Field, taken(wrong.Type), given(wrong.Value))
	}
	// Types that read themselves do not say of which name they are.
	var there map[string]json.RawMessage
	if json.Unmarshal(text, &there) == nil {
		for _, field := range reflect.VisibleFields(body) {
			name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
			if value, ok := there[name]; ok && field.Type == reflect.TypeFor[time.Time]() && json.Unmarshal(value, new(time.Time)) != nil {
				return fmt.Errorf("%s: write %s", name, taken(field.Type))
			}
		}
	}
	return errors.New(strings.TrimPrefix(err.Error(), "json: "))
}

// taken says what is to be written for a type.
func taken(kind reflect.Type) string {
	if kind == reflect.TypeFor[time.Time]() {
		return "a time such as 2026-12-01T10:00:00+08:00, in quotes"
	}
	switch kind.Kind() {
	case reflect.Pointer:
		return taken(kind.Elem())
	case reflect.String:
		return "text, in quotes"
	case reflect.Bool:
		return "true or false"
	case reflect.Int:
		return "a whole number"
	}
	return "an object"
}

// given names what was written instead.
func given(value string) string {
	switch value {
	case "array":
		return "a list"
	case "object":
		return "an object"
	case "string":
		return "text"
	case "bool":
		return "true or false"
	}
	return strings.TrimPrefix(value, "number ")
}
