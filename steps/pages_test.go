package steps

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"youmiflow/engine"
	"youmiflow/internal/youmi"
)

// fans writes a page of fans, numbered from first.
func fans(first, n int) string {
	rows := make([]string, n)
	for i := range rows {
		rows[i] = fmt.Sprintf(`{"ad_friend_wenober":"f%d","ad_wechat_id":7,"username":"n%d"}`, first+i, first+i)
	}
	return "[" + strings.Join(rows, ",") + "]"
}

func open(t require.TestingT, api API, step string, with map[string]any) (engine.PacedRows, error) {
	action, err := prepare(t, newCatalogue(t, api), step, with)
	if err != nil {
		return nil, err
	}
	require.Nil(t, action.Request, "the step itself calls nobody")
	return action.Perform(context.Background()).Outputs["rows"].(engine.PacedRows), nil
}

// readAll reads rows to the end, and gives their friends.
func readAll(ctx context.Context, rows engine.PacedRows, pacer engine.Pacer) (friends []string, err error) {
	reader, err := rows.OpenPaced(ctx, pacer)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, reader.Close()) }()
	for {
		row, number, err := reader.Next()
		if err == io.EOF {
			return friends, nil
		}
		if err != nil {
			return friends, err
		}
		if number != len(friends)+1 {
			return friends, fmt.Errorf("row %d comes after %d", number, len(friends))
		}
		friend, _ := row["friend"].(string)
		friends = append(friends, friend)
	}
}

func TestPagesEnd(t *testing.T) {
	tests := []struct {
		name    string
		answers []string
		with    map[string]any
		rows    int
		calls   int
		problem string
	}{
		{"nobody", []string{`[]`}, nil, 0, 1, ""},
		{"nothing", []string{`null`}, nil, 0, 1, ""},
		{"absent", []string{``}, nil, 0, 1, ""},
		{"short, then empty", []string{fans(0, 2), `[]`}, nil, 2, 2, ""},
		{"full, then short", []string{fans(0, 3), fans(3, 1)}, nil, 4, 2, ""},
		{"full, then empty", []string{fans(0, 3), fans(3, 3), `[]`}, nil, 6, 3, ""},
		{"fewer than asked for, page by page", []string{fans(0, 2), fans(2, 2), fans(4, 1)}, nil, 5, 3, ""},
		{"all at once, whatever the page", []string{fans(0, 7)}, nil, 7, 2, ""},
		{"the last page again and again", []string{fans(0, 3), fans(3, 3), fans(3, 3)}, nil, 6, 3, ""},
		{"page 1 again, and full", []string{fans(0, 3)}, nil, 3, 2, "page 2 of GetFansList: the platform gives page 1 again, and it is full: it seems to ignore `pageIndex`"},
		{"limited within a page", []string{fans(0, 3)}, map[string]any{"limit": 2}, 2, 1, ""},
		{"limited at a page's end", []string{fans(0, 3)}, map[string]any{"limit": 3}, 3, 1, ""},
		{"in an object", []string{`{"total":3,"list":` + fans(0, 3) + `}`, `{"total":3,"list":[]}`}, nil, 3, 2, ""},
		{"two lists", []string{`{"a":[],"b":[]}`}, nil, 0, 1, "page 1 of GetFansList: there is no list in it: `values` is an object of a, b"},
		{"a truth", []string{`true`}, nil, 0, 1, "there is no list in it: `values` is a boolean"},
		{"no objects", []string{`[1]`}, nil, 0, 1, "row 1 is 1, not an object"},
		{"no friend", []string{`[{"a":1,"ad_wechat_id":2}]`}, nil, 0, 1, "no column for friend: a row has a, ad_wechat_id; say which with columns: { friend: … }"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			api := &pages{}
			for _, answer := range test.answers {
				api.answers = append(api.answers, page(answer))
			}
			with := map[string]any{"page_size": 3}
			for name, value := range test.with {
				with[name] = value
			}
			rows, err := open(t, api, "audience.friends", with)
			require.NoError(t, err)
			for range 2 { // it is read anew whenever it is opened
				api.bodies = nil
				friends, err := readAll(t.Context(), rows, unpaced{})
				if test.problem != "" {
					require.ErrorContains(t, err, test.problem)
				} else {
					require.NoError(t, err)
				}
				require.Len(t, friends, test.rows)
				require.Len(t, api.bodies, test.calls)
				for i, body := range api.bodies {
					require.JSONEq(t, fmt.Sprintf(`{"pageIndex":%d,"pageSize":3}`, i+1), body)
				}
			}
		})
	}
}

// TestNobodyIsLeftOut reads from a platform of any size whose largest page may be smaller than what it is asked for.
func TestNobodyIsLeftOut(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		total, most, size := rapid.IntRange(0, 60).Draw(t, "fans"), rapid.IntRange(1, 20).Draw(t, "largest page"), rapid.IntRange(1, 20).Draw(t, "page size")
		api := &pages{}
		effective := min(most, size)
		for first := 0; first <= total+effective; first += effective {
			api.answers = append(api.answers, page(fans(first, max(0, min(effective, total-first)))))
		}
		rows, err := open(t, api, "audience.friends", map[string]any{"page_size": size})
		require.NoError(t, err)
		friends, err := readAll(context.Background(), rows, unpaced{})
		require.NoError(t, err)
		require.Len(t, friends, total)
		for i, friend := range friends {
			require.Equal(t, fmt.Sprintf("f%d", i), friend)
		}
	})
}

// patience is a pacer that notes what it is asked for.
type patience struct {
	awaited []engine.Request
	held    time.Duration
	err     error
}

func (p *patience) Await(ctx context.Context, request engine.Request, notBefore time.Time) error {
	p.awaited = append(p.awaited, request)
	if p.err != nil {
		return p.err
	}
	return unpaced{}.Await(ctx, request, notBefore)
}

func (p *patience) Hold(_ context.Context, _ engine.Request, pause time.Duration) error {
	p.held += pause
	return nil
}

func TestPagesAreAskedForAgain(t *testing.T) {
	away := &youmi.APIError{Operation: "GetFansList", Verdict: youmi.Unknown, Code: "HTTP-503"}
	synctest.Test(t, func(t *testing.T) {
		api := &pages{answers: []func() (*youmi.Response, error){
			page(fans(0, 3)), broken(away), broken(&youmi.APIError{Verdict: youmi.Throttled, Code: "HTTP-429", RetryAfter: time.Minute}), page(fans(3, 1)),
		}}
		rows, err := open(t, api, "audience.friends", map[string]any{"account": 7, "page_size": 3})
		require.NoError(t, err)
		began, pacer := time.Now(), &patience{}
		friends, err := readAll(t.Context(), rows, pacer)
		require.NoError(t, err)
		require.Equal(t, []string{"f0", "f1", "f2", "f3"}, friends)
		require.Equal(t, time.Minute, pacer.held)
		require.Equal(t, time.Minute+time.Second, time.Since(began))
		require.Len(t, pacer.awaited, 4, "every call keeps the limits, a repeated one too")
		for i, request := range pacer.awaited {
			require.Equal(t, "GetFansList", request.Operation)
			require.Equal(t, "7", request.Account)
			require.Equal(t, "read", string(request.Effect))
			require.Equal(t, api.bodies[i], string(request.Body))
		}
	})
}

func TestPagesFailInTheEnd(t *testing.T) {
	for name, test := range map[string]struct {
		err     *youmi.APIError
		calls   int
		took    time.Duration
		message string
	}{
		"away":    {&youmi.APIError{Operation: "GetFansList", Verdict: youmi.Unreachable, Code: "refused"}, 1 + pageAttempts, 31 * time.Second, "page 2, after 6 attempts: GetFansList: the connection was refused"},
		"refused": {&youmi.APIError{Operation: "GetFansList", Verdict: youmi.Failed, Code: "200012"}, 2, 0, "page 2: GetFansList: 200012 wrong parameters"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				api := &pages{answers: []func() (*youmi.Response, error){page(fans(0, 3)), broken(test.err)}}
				rows, err := open(t, api, "audience.friends", map[string]any{"page_size": 3})
				require.NoError(t, err)
				began := time.Now()
				friends, err := readAll(t.Context(), rows, unpaced{})
				require.ErrorContains(t, err, test.message)
				require.ErrorIs(t, err, test.err)
				require.Len(t, friends, 3)
				require.Len(t, api.bodies, test.calls)
				require.Equal(t, test.took, time.Since(began))
			})
		})
	}
}

// TestPacerEndsTheReading passes on what the engine says, so that it knows its own error again.
func TestPacerEndsTheReading(t *testing.T) {
	api := &pages{answers: []func() (*youmi.Response, error){page(fans(0, 3))}}
	rows, err := open(t, api, "audience.friends", nil)
	require.NoError(t, err)
	stop := errors.New("the run is to stop")
	_, err = readAll(t.Context(), rows, &patience{err: stop})
	require.ErrorIs(t, err, stop)
	require.Empty(t, api.bodies)
}

func TestFriendColumns(t *testing.T) {
	for name, test := range map[string]struct {
		row  string
		with map[string]any
		want map[string]any
	}{
		"as v1 shows them": {`{"ad_friend_id":1,"ad_friend_wenober":"wxid_1","username":"小王","ad_wechat_id":135389}`, nil,
			map[string]any{"account": "135389", "friend": "wxid_1", "name": "小王", "ad_friend_id": 1, "ad_friend_wenober": "wxid_1", "username": "小王", "ad_wechat_id": 135389}},
		"the account that was asked for": {`{"fans_key":"wxid_1"}`, map[string]any{"account": 7}, map[string]any{"account": "7", "friend": "wxid_1", "name": "", "fans_key": "wxid_1"}},
		"mapped": {`{"a":1,"b":"f","c":"n","ad_wechat_id":2}`, map[string]any{"columns": map[string]any{"account": "a", "friend": "b", "name": "c"}},
			map[string]any{"account": "1", "friend": "f", "name": "n", "a": 1, "b": "f", "c": "n", "ad_wechat_id": 2}},
		"an empty one": {`{"ad_friend_wenober":"","fans_key":"k","ad_wechat_id":2}`, nil,
			map[string]any{"account": "2", "friend": "k", "name": "", "ad_friend_wenober": "", "fans_key": "k", "ad_wechat_id": 2}},
		"nobody": {`{"ad_friend_wenober":null,"ad_wechat_id":2}`, nil, map[string]any{"account": "2", "friend": "", "name": "", "ad_friend_wenober": nil, "ad_wechat_id": 2}},
	} {
		t.Run(name, func(t *testing.T) {
			rows, err := open(t, &pages{answers: []func() (*youmi.Response, error){page("[" + test.row + "]")}}, "audience.friends", test.with)
			require.NoError(t, err)
			reader, err := rows.Open(t.Context())
			require.NoError(t, err)
			row, _, err := reader.Next()
			require.NoError(t, err)
			require.Equal(t, test.want, row)
		})
	}
}

// TestABareFriend is the example of doc-3385677: an object where a list is promised, also when it holds a list itself.
func TestABareFriend(t *testing.T) {
	for _, step := range []string{"v1.friends", "audience.friends"} {
		rows, err := open(t, &pages{answers: []func() (*youmi.Response, error){
			page(`{"ad_friend_id":1153549,"ad_friend_wenober":"wxid_1","labels":[],"ad_wechat_id":1}`), page(`[]`),
		}}, step, map[string]any{"source": map[string]any{"audience.friends": "v1"}[step]})
		require.NoError(t, err)
		friends, err := readAll(t.Context(), rows, unpaced{})
		require.NoError(t, err)
		require.Len(t, friends, 1)
	}
}
