package web

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/url"
	"strconv"
)

const (
	defaultLimit = 100
	maxLimit     = 1000
	maxCursor    = 512
)

// page is which part of a list is asked for.
type page struct {
	limit  int
	cursor string // opaque to clients; "" for the beginning
}

// list is a part of a list as it is answered.
type list[A any] struct {
	Items []A `json:"items"`
	// Next is the cursor of the page behind this one; null on the last.
	Next *string `json:"next"`
}

func readPage(query url.Values) (page, error) {
	asked := page{limit: defaultLimit, cursor: query.Get("cursor")}
	if text := query.Get("limit"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 || n > maxLimit {
			return asked, refuse(codeQuery, fmt.Sprintf("limit: write a number from 1 to %d", maxLimit))
		}
		asked.limit = n
	}
	if len(asked.cursor) > maxCursor {
		return asked, badCursor()
	}
	return asked, nil
}

// position reads a cursor into where it points to; with none, that stays as it is.
func (p page) position(into any) error {
	if p.cursor == "" {
		return nil
	}
	text, err := base64.RawURLEncoding.DecodeString(p.cursor)
	if err == nil {
		err = json.Unmarshal(text, into)
	}
	if err != nil || !points(into) {
		return badCursor()
	}
	return nil
}

// points reports whether a position is one that a list can have ended at. All are counted from 1.
func points(to any) bool {
	switch at := to.(type) {
	case *string:
		return *at != ""
	case *int64:
		return *at > 0
	case *callCursor:
		return at.Item > 0 && at.Seen > 0
	}
	return false
}

func badCursor() error {
	return refuse(codeQuery, "cursor: use the `next` of the page before, as it is, or none")
}

// part makes the answer of up to limit rows and one more, which tells that there is a page behind. At says where a row
// stands.
func part[R, A any](rows []R, limit int, show func(R) (A, error), at func(R) any) (list[A], error) {
	answer := list[A]{Items: []A{}}
	if len(rows) > limit {
		rows = rows[:limit]
		next, err := cursorOf(at(rows[limit-1]))
		if err != nil {
			return answer, err
		}
		answer.Next = &next
	}
	for _, row := range rows {
		shown, err := show(row)
		if err != nil {
			return answer, err
		}
		answer.Items = append(answer.Items, shown)
	}
	return answer, nil
}

func cursorOf(position any) (string, error) {
	text, err := json.Marshal(position)
	if err != nil {
		return "", fmt.Errorf("writing a cursor: %w", err)
	}
	return base64.RawURLEncoding.EncodeToString(text), nil
}
