package youmi

import (
	"bytes"
	"encoding/json"
	"fmt"
)

func encodeJSON(body any) ([]byte, error) {
	if written, ok := writeBody(body); ok {
		return written, nil
	}
	var buffer bytes.Buffer // written to once, and then as large as the body
	encoder := json.NewEncoder(&buffer)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(body); err != nil {
		return nil, fmt.Errorf("encoding the request: %w", err)
	}
	return bytes.TrimSuffix(buffer.Bytes(), []byte("\n")), nil
}
