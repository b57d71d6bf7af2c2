package steps

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"time"

	"youmiflow/engine"
	"youmiflow/internal/audience"
	"youmiflow/internal/expression"
	"youmiflow/workflows"
)

// maxStatement bounds a statement, in characters, and maxArgs its parameters.
const (
	maxStatement = 60_000
	maxArgs      = 1_000
)

func audienceQuery(config Config) *entry {
	return &entry{
		StepType: workflows.StepType{
			Name:    "audience.query",
			Effect:  workflows.EffectRead,
			Summary: "Reads an audience from a database with an SQL statement, row by row. The database lets nothing be written.",
			Inputs: []workflows.Field{
				{Name: "database", Type: textType(), Required: true, Description: "the database's name under `databases` in youmiflow.yaml: PostgreSQL, MySQL or SQLite"},
				{Name: "sql", Type: textType(), Required: true, Description: "one SELECT; write $1, $2 … (PostgreSQL) or ? (MySQL, SQLite) where a parameter stands"},
				{Name: "args", Type: listType(expression.Type{}), Description: "the parameters, in their order; they never become part of the statement"},
			},
			Outputs: []workflows.Field{
				{Name: "rows", Type: opaque("rows"), Description: "the rows, for a foreach; their columns are those of the SELECT"},
			},
			Example: `id: dormant
uses: audience.query
with:
  database: crm
  sql: SELECT account, friend, name FROM customer WHERE tier = ? ORDER BY friend
  args: [gold]
`,
		},
		prepare: func(input engine.Input) (engine.Action, error) {
			rows, err := prepareQuery(config, inputs{values: input.With})
			if err != nil {
				return engine.Action{}, err
			}
			return engine.Action{Perform: func(context.Context) engine.Outcome {
				return engine.Outcome{State: engine.Succeeded, Outputs: map[string]any{"rows": rows}}
			}}, nil
		},
	}
}

func prepareQuery(config Config, in inputs) (*queryRows, error) {
	rows := &queryRows{config: config}
	var err error
	if rows.query.Name, err = in.required("database", maxIdentifier); err != nil {
		return nil, err
	}
	if rows.query.SQL, err = in.required("sql", maxStatement); err != nil {
		return nil, err
	}
	if !in.has("args") {
		return rows, nil
	}
	args, ok := in.values["args"].([]any)
	if !ok || len(args) > maxArgs {
		return nil, fmt.Errorf("args must be a list of at most %d elements", maxArgs)
	}
	for i, arg := range args {
		value, err := queryArg(arg)
		if err != nil {
			return nil, fmt.Errorf("args[%d] %w", i, err)
		}
		rows.query.Args = append(rows.query.Args, value)
	}
	return rows, nil
}

// queryArg is a parameter as a driver takes it.
func queryArg(value any) (any, error) {
	switch value := value.(type) {
	case nil, string, bool, int, int64, time.Time:
		return value, nil
	case float64:
		if math.IsNaN(value) || math.IsInf(value, 0) {
			return nil, errors.New("is no finite number")
		}
		return value, nil
	case json.Number:
		return value.String(), nil
	case time.Duration:
		return value.String(), nil
	}
	return nil, fmt.Errorf("must be a text, a number, true or false, or a time, not %s", kind(value))
}

// queryRows is an audience in a database, asked for anew whenever it is opened.
type queryRows struct {
	config Config
	query  audience.Query
}

// Open implements engine.Rows.
func (r *queryRows) Open(ctx context.Context) (engine.RowReader, error) {
	query := r.query
	var err error
	if query.Database, err = r.config.Database(query.Name); err != nil {
		return nil, err
	}
	reader, err := audience.OpenQuery(ctx, query)
	if err != nil {
		return nil, err
	}
	return tableReader{problemReader{reader, "database " + query.Name}, reader.Columns()}, nil
}
