package engine

import (
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"youmiflow/internal/redact"
)

const canary = "c4nary-of-the-house"

// own are the fields in which the engine, or whoever is beyond doubt, writes: ids, paths, names, statuses. Params and rows
// are refused before they come here (checkParams, secretColumn).
func own() []string {
	return []string{
		"Digest", "Name", "File", "Commit", "Source", "ID", "Workflow", "Connection", "Params", "Trigger", "Status", "Wanted", "Plan", "Versions", "Run", "Step",
		"Lane", "Path", "Key", "Data", "Variant", "From", "To", "State", "Operation", "Effect", "Handle", "Decision", "Who", "Parent", "Test", "Account", "Friend",
		"Counts", "Calls", "Takeovers", "Definition", "If", "FiredRun", "LastOutcome", "Kind",
	}
}

// fill writes the canary into every text of a value.
func fill(v reflect.Value) {
	switch {
	case v.Type() == reflect.TypeFor[json.RawMessage]():
		v.SetBytes(fmt.Appendf(nil, `{"a":%q}`, canary))
	case v.Type() == reflect.TypeFor[time.Time]():
	case v.Kind() == reflect.String:
		v.SetString(canary)
	case v.Kind() == reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem())
	case v.Kind() == reflect.Struct:
		for i := range v.NumField() {
			fill(v.Field(i))
		}
	case v.Kind() == reflect.Slice && v.Type().Elem().Kind() == reflect.Struct:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		fill(v.Index(0))
		fill(v.Index(1))
	}
}

// seen lists the fields in which the canary stands.
func seen(v reflect.Value, name string) []string {
	var found []string
	switch {
	case v.Type() == reflect.TypeFor[json.RawMessage](), v.Kind() == reflect.String:
		text := v.String()
		if v.Kind() != reflect.String {
			text = string(v.Bytes())
		}
		if strings.Contains(text, canary) {
			found = append(found, name)
		}
	case v.Kind() == reflect.Pointer && !v.IsNil():
		found = seen(v.Elem(), name)
	case v.Kind() == reflect.Struct && v.Type() != reflect.TypeFor[time.Time]():
		for i := range v.NumField() {
			field := v.Type().Field(i)
			inner := field.Name
			if slices.Contains(own(), name) {
				inner = name // what belongs to such a field is of its kind
			}
			found = append(found, seen(v.Field(i), inner)...)
		}
	case v.Kind() == reflect.Slice:
		for i := range v.Len() {
			found = append(found, seen(v.Index(i), name)...)
		}
	}
	return found
}

// changes are one of each kind.
func changes() []Change {
	return []Change{AddWorkflow{}, AddRun{}, SetRun{}, SetStep{}, AddItems{}, DropItems{}, AddLanes{}, SetItem{}, EndItems{}, AssignWaves{}, Decide{}, SetAccount{},
		AddCall{}, SetCall{}, SetTakeover{}, SetLane{}, Wake{}, AddAudit{},
		SetSchedule{}, PauseSchedule{}, DropSchedule{}, RequireIdle{}, RequireUnknown{}, SetEventCursor{}, AddNotice{}, Listen{}, RequireRoom{}, AddWaiting{}, DropWaiting{}}
}

func TestNoChangeKeepsASecret(t *testing.T) {
	ledger := hidingLedger{redactor: redact.New(canary)}
	var kinds []string
	for _, change := range changes() {
		kinds = append(kinds, reflect.TypeOf(change).Name())
		filled := reflect.New(reflect.TypeOf(change)).Elem()
		fill(filled)
		hidden := reflect.ValueOf(ledger.change(filled.Interface().(Change)))
		for _, field := range seen(hidden, "") {
			require.Contains(t, own(), field, "%s keeps a secret in %s", hidden.Type(), field)
		}
		require.Equal(t, filled.Type(), hidden.Type())
	}
	require.ElementsMatch(t, declared(t), kinds, "a kind of change is not looked at here")
}

// declared are the types that have the method change.
func declared(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob("*.go")
	require.NoError(t, err)
	var found []string
	for _, name := range files {
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		require.NoError(t, err)
		for _, declaration := range file.Decls {
			function, ok := declaration.(*ast.FuncDecl)
			if ok && function.Name.Name == "change" && function.Recv != nil && len(function.Type.Params.List) == 0 {
				found = append(found, function.Recv.List[0].Type.(*ast.Ident).Name)
			}
		}
	}
	require.NotEmpty(t, found)
	return found
}
