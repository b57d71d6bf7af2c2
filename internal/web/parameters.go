package web

import (
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"youmiflow/engine"
)

func typeOf[A any]() reflect.Type { return reflect.TypeFor[A]() }

func textParameter(name, about string) parameter {
	return parameter{name: name, about: about, schema: map[string]any{"type": "string"}}
}

func timeParameter(name, about string) parameter {
	return parameter{name: name, about: about, schema: map[string]any{"type": "string", "format": "date-time"}}
}

// itemStatuses are the statuses of runs and items.
func itemStatuses() []engine.Status {
	return []engine.Status{engine.StatusPending, engine.StatusHeld, engine.StatusRunning, engine.StatusPaused, engine.StatusSucceeded,
		engine.StatusPartial, engine.StatusFailed, engine.StatusUnknown, engine.StatusSkipped, engine.StatusCancelled}
}

// statusWords are all of them, for people.
func statusWords() string {
	var words []string
	for _, status := range itemStatuses() {
		words = append(words, string(status))
	}
	return strings.Join(words, ", ")
}

func statusParameter() parameter {
	return textParameter("status", "Only these statuses, separated by commas, such as failed,unknown.")
}

func sandboxParameter() parameter {
	return parameter{name: "sandbox", about: "true: only rehearsals; false: only runs for real; both unless given.", schema: map[string]any{"type": "boolean"}}
}

// readSandbox is nil when nothing is said.
func readSandbox(r *request) (*bool, error) {
	switch text := r.URL.Query().Get("sandbox"); text {
	case "":
		return nil, nil
	case "true", "false":
		only := text == "true"
		return &only, nil
	default:
		return nil, refuse(codeQuery, fmt.Sprintf("sandbox: %q is neither true nor false", text))
	}
}

func readStatuses(r *request) ([]engine.Status, error) {
	text := r.URL.Query().Get("status")
	if text == "" {
		return nil, nil
	}
	var statuses []engine.Status
	for _, word := range strings.Split(text, ",") {
		status := engine.Status(strings.TrimSpace(word))
		if !slices.Contains(itemStatuses(), status) {
			return nil, refuse(codeQuery, fmt.Sprintf("status: there is no status %q; there are %s", word, statusWords()))
		}
		statuses = append(statuses, status)
	}
	return statuses, nil
}

// lastYear leaves room for what is counted from a time: JSON has years of four digits.
const lastYear = 9000

// readTime reads a time of the query; with none, it is what is given.
func readTime(r *request, name string, otherwise time.Time) (time.Time, error) {
	text := r.URL.Query().Get(name)
	if text == "" {
		return otherwise, nil
	}
	at, err := time.Parse(time.RFC3339, text)
	if err != nil || at.Year() < 1970 || at.Year() > lastYear {
		return at, refuse(codeQuery, fmt.Sprintf("%s: write a time such as 2026-12-01T10:00:00+08:00, of the years 1970 to %d", name, lastYear))
	}
	return at, nil
}

// readNumber reads a whole number of the query; with none, it is what is given.
func readNumber(r *request, name string, otherwise, most int) (int, error) {
	text := r.URL.Query().Get(name)
	if text == "" {
		return otherwise, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > most {
		return 0, refuse(codeQuery, fmt.Sprintf("%s: write a number from 1 to %d", name, most))
	}
	return n, nil
}
