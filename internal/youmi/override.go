package youmi

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
)

// StatusConfirmed is the status of an operation that the project's configuration vouches for.
const StatusConfirmed = "confirmed"

// Overridden returns the operations as a project's configuration changes them. A confirmed one has StatusConfirmed. The
// error names the setting.
func Overridden(operations []Operation, overrides map[string]Override) ([]Operation, error) {
	changed := slices.Clone(operations)
	for _, id := range slices.Sorted(maps.Keys(overrides)) {
		i := slices.IndexFunc(changed, func(o Operation) bool { return o.ID == id })
		if i < 0 {
			return nil, fmt.Errorf("operations.%s: no such operation; there are %s", id, strings.Join(ids(operations), ", "))
		}
		if err := overrides[id].apply(&changed[i]); err != nil {
			return nil, fmt.Errorf("operations.%s: %w", id, err)
		}
	}
	return changed, nil
}

func (o Override) apply(operation *Operation) error {
	if own := operation.ID == OperationGetToken || operation.ID == OperationV1GetAccessToken; own && (o.Path != "" || o.Method != "" || len(o.Fields) > 0) {
		return errors.New("the client makes this call itself: only `confirmed` can be set; its address is token_url, or that of v1.base_url")
	}
	if o.Path != "" {
		if err := validatePath(o.Path); err != nil {
			return err
		}
		operation.Path = o.Path
	}
	switch method := strings.ToUpper(o.Method); method {
	case "":
	case http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete:
		operation.Method = method
	default:
		return fmt.Errorf("method %q is not GET, POST, PUT, PATCH or DELETE", o.Method)
	}
	if err := o.rename(operation); err != nil {
		return err
	}
	if o.Confirmed {
		operation.Status = StatusConfirmed
	}
	return nil
}

// rename takes the field names over. A name of ours that the operation does not have would change nothing, and is refused.
func (o Override) rename(operation *Operation) error {
	if len(o.Fields) == 0 {
		return nil
	}
	taken := map[string]string{}
	for _, ours := range slices.Sorted(maps.Keys(o.Fields)) {
		theirs := o.Fields[ours]
		switch other := taken[theirs]; {
		case !slices.Contains(operation.RequestFields, ours):
			return fmt.Errorf("fields.%s: the request has no such field; there are %s", ours, strings.Join(operation.RequestFields, ", "))
		case theirs == "":
			return fmt.Errorf("fields.%s: say what the platform calls it", ours)
		case other != "":
			return fmt.Errorf("fields.%s and fields.%s: both are called %q", other, ours, theirs)
		}
		taken[theirs] = ours
	}
	operation.Renamed = maps.Clone(o.Fields)
	return nil
}

func ids(operations []Operation) []string {
	names := make([]string, len(operations))
	for i, operation := range operations {
		names[i] = operation.ID
	}
	return names
}
