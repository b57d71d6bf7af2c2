package web

import (
	"fmt"
	"net/http"
	"net/url"
	"reflect"

	"youmiflow/workflows"
)

// maxBody bounds the body of a request.
const maxBody = 1 << 20

// route is one operation of the API. The table of them makes both what is served and how it is described.
type route struct {
	method, path string // path as http.ServeMux has it, below /api/v1
	id           string // the operation's name in the description
	tag          string
	summary      string // what it does, in one line
	role         workflows.Role
	query        []parameter
	problems     []code // that it is answered with, besides those that any operation is
	action
}

// parameter is one of the query, or of the header.
type parameter struct {
	name, about string
	header      bool
	schema      map[string]any
}

// action is what an operation does, with the types that it takes and gives.
type action struct {
	do      func(*request) (any, error) // nil: write answers by itself
	write   func(http.ResponseWriter, *request) error
	body    reflect.Type // nil: none
	answer  reflect.Type // nil: none
	status  int
	paged   bool
	streams bool
}

// request is one request that was let in.
type request struct {
	*http.Request
	who workflows.Token
}

// giving is an action that answers with a value.
func giving[A any](do func(*request) (A, error)) action {
	return action{answer: reflect.TypeFor[A](), status: http.StatusOK, do: func(r *request) (any, error) { return do(r) }}
}

// taking is an action that takes a body and answers with a value.
func taking[B, A any](status int, do func(*request, B) (A, error)) action {
	return action{body: reflect.TypeFor[B](), answer: reflect.TypeFor[A](), status: status, do: func(r *request) (any, error) {
		body, err := decode[B](r.Request)
		if err != nil {
			return nil, err
		}
		return do(r, body)
	}}
}

// listing is an action that answers with a page of a list.
func listing[A any](do func(*request, page) (list[A], error)) action {
	return action{answer: reflect.TypeFor[A](), status: http.StatusOK, paged: true, do: func(r *request) (any, error) {
		asked, err := readPage(r.URL.Query())
		if err != nil {
			return nil, err
		}
		return do(r, asked)
	}}
}

// whole is an action that answers with all of a list that is short by its nature.
func whole[A any](do func(*request) ([]A, error)) action {
	return action{answer: reflect.TypeFor[[]A](), status: http.StatusOK, do: func(r *request) (any, error) {
		all, err := do(r)
		if all == nil {
			all = []A{}
		}
		return all, err
	}}
}

// known refuses parameters of the query that the operation does not have, and those that cannot be read: a misspelt filter
// must not select everything, and a cursor that is lost on the way must not begin again.
func (o route) known(r *http.Request) error {
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return refuse(codeQuery, "the query cannot be read: separate parameters with &, and write %25 for % and %3B for ; within them")
	}
	for name, values := range query {
		found := false
		for _, parameter := range o.parameters() {
			found = found || !parameter.header && parameter.name == name
		}
		if !found {
			return refuse(codeQuery, fmt.Sprintf("there is no parameter %q", name))
		}
		if len(values) > 1 {
			return refuse(codeQuery, fmt.Sprintf("the parameter %q is there %d times", name, len(values)))
		}
	}
	return nil
}

// parameters are all of an operation, those of pages too.
func (o route) parameters() []parameter {
	if !o.paged {
		return o.query
	}
	return append(append([]parameter{}, o.query...),
		parameter{name: "limit", about: fmt.Sprintf("How many at the most; %d unless given.", defaultLimit),
			schema: map[string]any{"type": "integer", "minimum": 1, "maximum": maxLimit, "default": defaultLimit}},
		parameter{name: "cursor", about: "Where to go on: the `next` of the page before.", schema: map[string]any{"type": "string", "maxLength": maxCursor}})
}
