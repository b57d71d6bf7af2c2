package youmi

import (
	_ "embed"
	"fmt"
	"slices"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
)

//go:embed openapi.yaml
var document []byte

// The operations, as openapi.yaml names them.
const (
	OperationGetToken      = "getToken"
	OperationSend          = "doSendPublicMes"
	OperationApplyTakeover = "applyTakeOver"
	OperationEndTakeover   = "endTakeOver"
)

// Operation is one call of the API as openapi.yaml describes it.
type Operation struct {
	ID      string // such as "doSendPublicMes"
	Method  string
	Path    string
	Status  string // documented, partial or assumed
	Effect  string // read, idempotent or message
	Summary string
	Source  string // page id, such as "api-73950154"
	Guess   string // what no page says, and what the guess rests on; "" when nothing is guessed
}

// Document is the text of openapi.yaml.
func Document() []byte { return slices.Clone(document) }

// Spec parses openapi.yaml. Each call returns a document of its own.
func Spec() (*openapi3.T, error) {
	spec, err := openapi3.NewLoader().LoadFromData(document)
	if err != nil {
		return nil, fmt.Errorf("openapi.yaml: %w", err)
	}
	return spec, nil
}

// Operations lists the operations of openapi.yaml by ID.
func Operations() ([]Operation, error) {
	spec, err := Spec()
	if err != nil {
		return nil, err
	}
	var operations []Operation
	for path, item := range spec.Paths.Map() {
		for method, operation := range item.Operations() {
			operations = append(operations, describe(method, path, operation))
		}
	}
	slices.SortFunc(operations, func(a, b Operation) int { return strings.Compare(a.ID, b.ID) })
	return operations, nil
}

func describe(method, path string, operation *openapi3.Operation) Operation {
	extension := func(name string) string {
		text, _ := operation.Extensions[name].(string)
		return text
	}
	return Operation{
		ID:      operation.OperationID,
		Method:  method,
		Path:    path,
		Status:  extension("x-status"),
		Effect:  extension("x-effect"),
		Summary: operation.Summary,
		Source:  extension("x-source"),
		Guess:   extension("x-guess"),
	}
}
