package youmi

import (
	_ "embed"
	"fmt"
	"slices"

	"github.com/getkin/kin-openapi/openapi3"
)

//go:embed openapi.yaml
var document []byte

// The versions of the API.
const (
	V2 = "v2" // a bearer token, JSON
	V1 = "v1" // signed, `text/json`, queries
)

// Operation is one call of the API as openapi.yaml describes it.
type Operation struct {
	ID      string // such as "doSendPublicMes"
	Version string // V1 or V2
	Group   string // as in the vendor's table of contents, such as "ChatMess"
	Method  string
	Path    string // below the base URL of its version
	Status  string // documented, partial or assumed
	Effect  string // read, idempotent or message
	Summary string
	Source  string // page id, such as "api-73950154"; "contents" when only the table of contents names it
	Guess   string // what no page says, and what the guess rests on; "" when nothing is guessed
	Paging  *Paging
	// Plausible is the schema of openapi.yaml that `values` of the answer is taken to have; "" when the page shows it, or
	// nothing is known. It is a guess: readers must do without any of its fields.
	Plausible string
	// RequestFields are the top-level fields of the request, in the order of openapi.yaml.
	RequestFields []string
	// Renamed says what the platform really calls some of them, as a project's configuration has it.
	Renamed map[string]string
}

// Paging says which fields of a request page a list.
type Paging struct {
	Page  string // the field with the number of the page
	Size  string // the field with the size of a page
	First int    // the number of the first page
	Guess string // what of this no page says; "" when nothing
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

// Operations lists the operations of openapi.yaml by ID. They are generated from it, so that a program that starts need
// not parse it; the error is always nil.
func Operations() ([]Operation, error) { return described(), nil }
