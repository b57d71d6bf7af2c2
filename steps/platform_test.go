package steps

import (
	"testing"

	"github.com/stretchr/testify/require"

	"youmiflow/engine"
	"youmiflow/internal/sandbox"
)

// done performs a step that has to succeed.
func done(t *testing.T, catalogue *Catalogue, name string, with map[string]any) map[string]any {
	t.Helper()
	outcome := act(t, catalogue, name, with)
	require.Equal(t, engine.Succeeded, outcome.State, "%s: %s", name, outcome.Message)
	return outcome.Outputs
}

// rowsFrom reads the rows of a step to the end.
func rowsFrom(t *testing.T, catalogue *Catalogue, name string, with map[string]any) []map[string]any {
	t.Helper()
	reader, err := done(t, catalogue, name, with)["rows"].(engine.Rows).Open(t.Context())
	require.NoError(t, err)
	var rows []map[string]any
	for {
		row, _, err := reader.Next()
		if err != nil {
			require.EqualError(t, err, "EOF")
			return rows
		}
		rows = append(rows, row)
	}
}

// TestListsAgreeWithCounts reads the friend list in pages of several sizes, by both versions, with filters.
func TestListsAgreeWithCounts(t *testing.T) {
	catalogue, _ := platform(t, sandbox.Config{Seed: 1, Fans: 430})
	for _, filter := range []map[string]any{{}, {"account": 135380}, {"chatted_since": "2025-01-01"}, {"added_until": "2024-06-30", "staff": "001"}} {
		want := done(t, catalogue, "friend.count", filter)["count"].(int)
		require.Positive(t, want)
		for _, size := range []int{7, 43, 430, 1000} {
			with := map[string]any{"page_size": size}
			for name, value := range filter {
				with[name] = value
			}
			require.Len(t, rowsFrom(t, catalogue, "friend.list", with), want)
			fans := rowsFrom(t, catalogue, "audience.friends", with)
			require.Len(t, fans, want)
			seen := map[any]bool{}
			for _, fan := range fans {
				require.NotEmpty(t, fan["account"])
				require.False(t, seen[fan["friend"]], "a customer twice")
				seen[fan["friend"]] = true
			}
		}
	}
	all := rowsFrom(t, catalogue, "v1.friends", map[string]any{"state": "all", "page_size": 43})
	require.Len(t, all, 430)
	valid := rowsFrom(t, catalogue, "audience.friends", map[string]any{"source": "v1"})
	require.Less(t, len(valid), 430, "by default only those one can chat with")
	require.NotEmpty(t, valid)
}

func TestOneFriendAsABareObject(t *testing.T) {
	catalogue, _ := platform(t, sandbox.Config{Seed: 1, Fans: 1, V1BareObject: true})
	require.Len(t, rowsFrom(t, catalogue, "audience.friends", map[string]any{"source": "v1"}), 1)
}

// TestWhatWasDoneShows sends, reads back, adds, lists and deletes.
func TestWhatWasDoneShows(t *testing.T) {
	catalogue, _ := platform(t, sandbox.Config{Seed: 1, Fans: 30})
	fan := rowsFrom(t, catalogue, "audience.friends", map[string]any{"account": 135380, "limit": 1})[0]
	to := map[string]any{"account": fan["account"], "friend": fan["friend"]}
	with := func(more map[string]any) map[string]any {
		all := map[string]any{}
		for _, part := range []map[string]any{to, more} {
			for name, value := range part {
				all[name] = value
			}
		}
		return all
	}
	done(t, catalogue, "message.send", with(map[string]any{"text": "您的券已到账"}))
	done(t, catalogue, "message.send", with(map[string]any{"link": map[string]any{"url": "https://e.com/d11", "title": "双十一 100%"}}))
	texts, links := 0, 0
	for _, element := range done(t, catalogue, "chat.read", to)["messages"].([]any) {
		message := element.(map[string]any)
		if message["kind"] == "text" && message["text"] == "您的券已到账" && message["sent"] == true {
			texts++
		}
		if link := message["link"].(map[string]any); link["url"] == "https://e.com/d11" && link["title"] == "双十一 100%" {
			links++
		}
	}
	require.Equal(t, 1, texts)
	require.Equal(t, 1, links)

	before := done(t, catalogue, "todo.count", nil)["count"].(int)
	number := done(t, catalogue, "todo.add", with(map[string]any{"creator": "001", "title": "回访", "text": "x", "remind_at": "2099-01-01"}))["number"]
	require.NotEmpty(t, number)
	require.Equal(t, before+1, done(t, catalogue, "todo.count", nil)["count"])
	require.Len(t, rowsFrom(t, catalogue, "todo.list", nil), before+1)

	saved := done(t, catalogue, "bulk_send.save", map[string]any{"messages": []any{map[string]any{"text": "a"}}})["id"]
	require.NotEmpty(t, saved)
	done(t, catalogue, "bulk_send.delete", map[string]any{"id": saved})

	raw := done(t, catalogue, "api.call", map[string]any{"effect": "read", "version": "v1", "method": "GET", "path": "/WeCaht", "query": map[string]any{"ad_wechat_lei": 0}})
	require.Len(t, raw["values"], len(rowsFrom(t, catalogue, "v1.accounts", nil)))
	refused := act(t, catalogue, "api.call", map[string]any{"effect": "message", "path": "/v2/Nowhere", "body": map[string]any{}})
	require.NotEqual(t, engine.Succeeded, refused.State)
}
