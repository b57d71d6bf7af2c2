package steps

import (
	"fmt"
	"strings"
	"time"

	"youmiflow/internal/expression"
)

// The API writes times in several ways (api-84374901, api-202016297 and others). A workflow writes them in one: a date, a date and
// a time of day, a time with its offset, or what an expression gives. Without an offset they are in the project's time
// zone, and so is the text that is sent: no page says in which zone the platform reads it.

// clockLayout is how the API writes a time as text: yyyy-MM-dd HH:mm:ss.
const clockLayout = "2006-01-02 15:04:05"

// momentPattern catches a misspelt literal when the file is loaded; "" stands for no time.
const momentPattern = `^\s*$|^\s*\d{9,11}\s*$|^\s*\d{4}[-/]\d{1,2}[-/]\d{1,2}([T ]\d{1,2}:\d{2}(:\d{2}(\.\d+)?)?\s*(Z|[+-]\d{2}:\d{2})?)?\s*$`

// edge says what a date without a time of day means: the day's first second, or its last.
type edge bool

const (
	dayStart edge = false
	dayEnd   edge = true
)

func momentParam(name, api, description string, encode encoder) param {
	p := newParam(name, api, description, expression.Type{}, encode)
	p.Pattern, p.Form = momentPattern, "a date or a time such as 2026-11-11, 2026-11-11 10:00 or 2026-11-11T10:00:00+08:00"
	return p
}

// sinceParam and untilParam are times that the API takes as Unix seconds.
func sinceParam(config Config, name, api, description string) param {
	return momentParam(name, api, description, unixOf(config.Location, dayStart))
}

func untilParam(config Config, name, api, description string) param {
	return momentParam(name, api, description, unixOf(config.Location, dayEnd))
}

func unixOf(zone *time.Location, at edge) encoder {
	return func(in inputs, field string) (any, error) {
		t, err := in.moment(field, zone, at)
		if err != nil || t.IsZero() {
			return left, err
		}
		return t.Unix(), nil
	}
}

// dayParam is a day, which the API takes as the Unix second of its midnight.
func dayParam(config Config, name, api, description string) param {
	return momentParam(name, api, description, func(in inputs, field string) (any, error) {
		t, err := in.moment(field, config.Location, dayStart)
		if err != nil {
			return nil, err
		}
		if t.IsZero() {
			return nil, fmt.Errorf("%s is missing", in.name(field))
		}
		t = t.In(config.Location)
		return time.Date(t.Year(), t.Month(), t.Day(), 0, 0, 0, 0, config.Location).Unix(), nil
	})
}

// clockParam is a time that the API takes as text.
func clockParam(config Config, name, api, description string, at edge) param {
	return momentParam(name, api, description, func(in inputs, field string) (any, error) {
		t, err := in.moment(field, config.Location, at)
		if err != nil || t.IsZero() {
			return left, err
		}
		return t.In(config.Location).Format(clockLayout), nil
	})
}

// moment reads a time; the zero time for an empty text.
func (in inputs) moment(field string, zone *time.Location, at edge) (time.Time, error) {
	switch value := in.values[field].(type) {
	case time.Time:
		return in.sensible(field, value)
	case string:
		text := strings.TrimSpace(value)
		if text == "" {
			return time.Time{}, nil
		}
		if t, ok := parseMoment(text, zone, at); ok {
			return in.sensible(field, t)
		}
	}
	if seconds, err := in.whole(field); err == nil {
		return in.sensible(field, time.Unix(seconds, 0))
	}
	return time.Time{}, fmt.Errorf("%s must be a time such as 2026-11-11, 2026-11-11 10:00 or 2026-11-11T10:00:00+08:00, not %s",
		in.name(field), kind(in.values[field]))
}

func parseMoment(text string, zone *time.Location, at edge) (time.Time, bool) {
	if t, err := time.Parse(time.RFC3339Nano, strings.Replace(text, " ", "T", 1)); err == nil {
		return t, true
	}
	text = strings.NewReplacer("/", "-", "T", " ").Replace(text)
	for _, layout := range []string{"2006-1-2 15:04:05", "2006-1-2 15:04"} {
		if t, err := time.ParseInLocation(layout, text, zone); err == nil {
			return t, true
		}
	}
	t, err := time.ParseInLocation("2006-1-2", text, zone)
	if err == nil && at == dayEnd {
		t = time.Date(t.Year(), t.Month(), t.Day(), 23, 59, 59, 0, zone)
	}
	return t, err == nil
}

// sensible refuses what is rather a mistake, such as milliseconds.
func (in inputs) sensible(field string, t time.Time) (time.Time, error) {
	if year := t.UTC().Year(); year < 1970 || year > 2200 {
		return time.Time{}, fmt.Errorf("%s is in the year %d: give a date, or Unix seconds", in.name(field), year)
	}
	return t, nil
}
