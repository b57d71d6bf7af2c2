package youmi

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
)

// endpoint is an operation with its overrides applied, ready to be called.
type endpoint struct {
	operation Operation
	url       *url.URL
	via       *authority // nil when the operation's version is not configured
}

// endpoints applies the overrides to openapi.yaml.
func (c Config) endpoints(v1, v2 *authority) (map[string]*endpoint, error) {
	operations, err := Operations()
	if err != nil {
		return nil, err
	}
	operations, err = Overridden(operations, c.Operations)
	if err != nil {
		return nil, err
	}
	endpoints := make(map[string]*endpoint, len(operations))
	for _, operation := range operations {
		if operation.ID == OperationGetToken || operation.ID == OperationV1GetAccessToken {
			continue // the client's own business: see merchant and signer
		}
		to := &endpoint{operation: operation, via: v2}
		if operation.Version == V1 {
			to.via = v1
		}
		if to.via != nil {
			if to.url, err = url.Parse(strings.TrimSuffix(to.via.base, "/") + operation.Path); err != nil {
				return nil, fmt.Errorf("operations.%s.path %q is not a path", operation.ID, operation.Path)
			}
		}
		endpoints[operation.ID] = to
	}
	return endpoints, nil
}

// prepare renames the fields of a request as the configuration says, and moves those of a GET to the query.
func (e *endpoint) prepare(payload []byte) (*endpoint, []byte, error) {
	if len(e.operation.Renamed) > 0 && len(payload) > 0 {
		renamed, err := rename(payload, e.operation.Renamed)
		if err != nil {
			return nil, nil, err
		}
		payload = renamed
	}
	if e.operation.Method != http.MethodGet || len(payload) == 0 {
		return e, payload, nil
	}
	query, err := queryOf(payload)
	if err != nil {
		return nil, nil, err
	}
	with := *e
	address := *e.url
	address.RawQuery = query.Encode()
	with.url = &address
	return &with, nil, nil
}

// rename gives top-level fields other names.
func rename(payload []byte, names map[string]string) ([]byte, error) {
	var ours map[string]json.RawMessage
	if err := json.Unmarshal(payload, &ours); err != nil {
		return nil, fmt.Errorf("fields can be renamed in an object only: %w", err)
	}
	theirs := make(map[string]json.RawMessage, len(ours))
	for name, value := range ours {
		if other, ok := names[name]; ok {
			name = other
		}
		if _, twice := theirs[name]; twice {
			return nil, fmt.Errorf("two fields would be sent as %q: see operations in youmiflow.yaml", name)
		}
		theirs[name] = value
	}
	return encodeJSON(theirs)
}

// queryOf makes a query of an object of texts, numbers and booleans; a null is left out.
func queryOf(payload []byte) (url.Values, error) {
	decoder := json.NewDecoder(bytes.NewReader(payload))
	decoder.UseNumber()
	var fields map[string]any
	if err := decoder.Decode(&fields); err != nil {
		return nil, fmt.Errorf("what a GET takes must be a JSON object: %w", err)
	}
	query := url.Values{}
	for name, value := range fields {
		switch value := value.(type) {
		case nil:
		case string:
			query.Set(name, value)
		case json.Number, bool:
			query.Set(name, fmt.Sprint(value))
		default:
			return nil, fmt.Errorf("%s is a list or an object, which a query cannot hold", name)
		}
	}
	return query, nil
}
