package sandbox

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// text is a field of the request; "" when it is absent, null or no string.
func (c call) text(name string) string {
	text, _ := c.fields[name].(string)
	return text
}

// word is the first of the fields that says something, as text. The API spells one notion in several ways and types;
// 0 and "" say nothing, as in the pages' examples.
func (c call) word(names ...string) string {
	for _, name := range names {
		if text := scalar(c.fields[name]); text != "" && text != "0" {
			return text
		}
	}
	return ""
}

func scalar(value any) string {
	switch value := value.(type) {
	case string:
		return strings.TrimSpace(value)
	case float64:
		return strconv.FormatFloat(value, 'f', -1, 64)
	case bool:
		return strconv.FormatBool(value)
	case json.Number:
		return value.String()
	}
	return ""
}

// whole is the first of the fields that holds a whole number, also as text; fallback when none does.
func (c call) whole(fallback int64, names ...string) int64 {
	for _, name := range names {
		if number, err := strconv.ParseFloat(scalar(c.fields[name]), 64); err == nil {
			return int64(number)
		}
	}
	return fallback
}

// instant reads a time: Unix seconds or one of the written forms seen. Zero when there is none or it cannot be read.
func (c call) instant(names ...string) time.Time {
	return readInstant(c.word(names...))
}

func readInstant(text string) time.Time {
	if seconds, err := strconv.ParseInt(text, 10, 64); err == nil && seconds > 0 {
		return time.Unix(seconds, 0)
	}
	for _, layout := range []string{time.DateTime, "2006/1/2 15:04:05", "2006-01-02T15:04:05", time.DateOnly, "2006-01-02 15:04"} {
		if at, err := time.ParseInLocation(layout, text, beijing()); err == nil {
			return at
		}
	}
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return time.Time{}
	}
	return at
}

func written(at time.Time) string { return at.In(beijing()).Format(time.DateTime) }

// window is a span of time that a filter asks for; a zero end is open.
type window struct{ from, to int64 }

func (c call) window(from, to string) window {
	return window{unix(c.instant(from)), unix(c.instant(to))}
}

func unix(at time.Time) int64 {
	if at.IsZero() {
		return 0
	}
	return at.Unix()
}

func (w window) holds(at int64) bool {
	return (w.from == 0 || at >= w.from) && (w.to == 0 || at <= w.to)
}

// maxPage bounds a page. No page of the documentation names a bound.
const maxPage = 5000

// page is which part of a list is asked for.
type page struct{ number, size int }

// page reads the paging fields in whichever spelling the operation has. Without them it is page 1 of 20, as doc-3385677
// has it.
func (c call) page() (page, error) {
	p := page{number: int(c.whole(1, "PageIndex", "pageIndex", "Page", "page")), size: int(c.whole(20, "PageSize", "pageSize"))}
	if p.number == 0 {
		p.number = 1
	}
	if p.size == 0 {
		p.size = 20
	}
	if p.number < 1 || p.size < 1 || p.size > maxPage {
		return p, &refusal{codeParameters, fmt.Sprintf("page %d of %d: pages count from 1, and hold 1 to %d in this sandbox", p.number, p.size, maxPage)}
	}
	return p, nil
}

// bounds is the part of a list of so many that the page shows.
func (p page) bounds(count int) (from, to int) {
	if p.number-1 > count/p.size {
		return count, count
	}
	from = min((p.number-1)*p.size, count)
	return from, min(from+p.size, count)
}

// paged shows one page of a list.
func paged[T any](c call, list []T, show func(T) map[string]any) result {
	p, err := c.page()
	if err != nil {
		return failure(err)
	}
	from, to := p.bounds(len(list))
	rows := make([]map[string]any, 0, to-from)
	for _, one := range list[from:to] {
		rows = append(rows, show(one))
	}
	return result{values: rows}
}

// sortReport sorts by a column, downwards unless orderType is asc (api-84374901).
func sortReport[T any](c call, lines []T, column func(T) string) {
	slices.SortStableFunc(lines, func(a, b T) int {
		if c.word("orderType") == "asc" {
			return strings.Compare(column(a), column(b))
		}
		return strings.Compare(column(b), column(a))
	})
}
