package cli

import (
	"fmt"
	"path/filepath"
	"strings"

	"youmiflow/workflows"
)

// params reads --param NAME=VALUE. A file given here is relative to the current folder.
func params(workflow *workflows.Workflow, given []string) (map[string]any, error) {
	values, err := textParams(given)
	if err != nil {
		return nil, err
	}
	for _, param := range workflow.Params {
		if file, ok := values[param.Name].(string); ok && param.Type == workflows.ParamFile && file != "" {
			if values[param.Name], err = filepath.Abs(file); err != nil {
				return nil, err
			}
		}
	}
	if _, err := workflow.BindParams(values); err != nil {
		return nil, fmt.Errorf("%w; params are given as --param NAME=VALUE", err)
	}
	return values, nil
}

// textParams reads --param NAME=VALUE as it stands there.
func textParams(given []string) (map[string]any, error) {
	values := map[string]any{}
	for _, text := range given {
		name, value, ok := strings.Cut(text, "=")
		if !ok || name == "" {
			return nil, usage("--param %q: write it as NAME=VALUE", text)
		}
		if _, twice := values[name]; twice {
			return nil, usage("--param %s is given twice", name)
		}
		values[name] = value
	}
	return values, nil
}
