package sandbox

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// comparable leaves out what counts from New.
func comparableStats(box *Sandbox) Stats {
	stats := box.Stats()
	stats.Requests, stats.Tokens, stats.Faults = 0, 0, nil
	return stats
}

func TestJournalRestoresTheWorld(t *testing.T) {
	path := filepath.Join(t.TempDir(), "sandbox.jsonl")
	c := open(t, Config{Journal: path, Seed: 3, KeepDeliveries: 4})
	var key string
	for i := range 6 {
		friend := fmt.Sprint("wxid_", i)
		key = c.take("135389", friend)
		require.True(t, c.call("doSendPublicMes", `{"TakeOverKey":"`+key+`","RelationType":0,"MsgType":"text","Text":"<b>你好 🎉</b> & bye"}`).Succeed)
		if i < 4 {
			require.True(t, c.call("endTakeOver", `{"TakeOverKey":"`+key+`"}`).Succeed)
		}
	}
	require.True(t, c.call("doSendPublicMes", text("135380", "wxid_0", "once")).Succeed)
	require.NoError(t, c.box.Close())

	restored := open(t, Config{Journal: path, Seed: 3, KeepDeliveries: 4})
	require.Equal(t, comparableStats(c.box), comparableStats(restored.box))
	requireSameJSON(t, c.box.Deliveries(), restored.box.Deliveries())
	requireSameJSON(t, c.box.Takeovers(), restored.box.Takeovers())
	require.Equal(t, 1, restored.box.Delivered("135389", "wxid_0"), "a delivery whose body is no longer kept still counts")

	// the world goes on: the open takeover is held, numbers go on, and a message sent before the end is a duplicate
	require.Equal(t, key, restored.take("135389", "wxid_5"))
	a := restored.call("doSendPublicMes", text("135380", "wxid_0", "once"))
	require.JSONEq(t, `{"taskId":"8"}`, string(a.Values))
	require.Equal(t, 1, restored.box.Stats().Duplicates)
}

// Whatever instant the process is killed at: the file ends with a part of a line.
func TestTornLastLineIsCutOff(t *testing.T) {
	directory := t.TempDir()
	path := filepath.Join(directory, "whole.jsonl")
	c := open(t, Config{Journal: path})
	for _, words := range []string{"one", "two"} {
		require.True(t, c.call("doSendPublicMes", text("1", "f", words)).Succeed)
	}
	require.NoError(t, c.box.Close())
	whole, err := os.ReadFile(path)
	require.NoError(t, err)

	for size := range len(whole) + 1 {
		path := filepath.Join(directory, "torn.jsonl")
		require.NoError(t, os.WriteFile(path, whole[:size], 0o600))
		box, err := New(Config{Journal: path})
		require.NoError(t, err, "cut to %d of %d bytes", size, len(whole))
		lines := strings.Count(string(whole[:size]), "\n")
		require.EqualValues(t, max(0, lines-1), box.Stats().Deliveries)
		// what is written next starts a line of its own
		_, err = box.world.deliver(Delivery{Account: "1", Friend: "f", Body: []byte(`{"Text":"next"}`)})
		require.NoError(t, err)
		require.NoError(t, box.Close())
		again, err := New(Config{Journal: path})
		require.NoError(t, err)
		require.EqualValues(t, max(0, lines-1)+1, again.Stats().Deliveries)
		require.NoError(t, again.Close())
	}
}

func TestDamagedJournalIsRefused(t *testing.T) {
	delivery := `{"delivery":{"sequence":1,"task_id":"1","account":"1","friend":"f","type":"text","at":"2026-11-11T10:00:00Z","body":{}}}` + "\n"
	for content, want := range map[string]string{
		"name: campaign\n":                                        "this is not a journal of the sandbox",
		"name":                                                    "this is not a journal of the sandbox",
		`{"sandbox_journal":2}` + "\n":                            "this is not a journal of the sandbox",
		journalHeader + "rubbish\n" + delivery:                    "line 2: it is damaged",
		journalHeader + delivery + "rubbish\n":                    "line 3: it is damaged",
		journalHeader + `{}` + "\n":                               "line 2: it holds neither a delivery nor a takeover",
		journalHeader + `{"payment":{}}` + "\n":                   "line 2: it is damaged",
		journalHeader + `{"ended":{"key":"k"}}` + "\n":            `line 2: takeover "k" is ended, but was never applied for`,
		journalHeader + `{"delivery":{"body":[1]}}` + "\n":        "line 2: body of delivery",
		journalHeader + strings.Repeat("x", maxLine+1) + "\n":     "line 2: bufio",
		journalHeader + delivery + strings.Repeat("x", maxLine+1): "line 3: bufio",
	} {
		path := filepath.Join(t.TempDir(), "journal")
		require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
		_, err := New(Config{Journal: path})
		require.ErrorContains(t, err, want)
		require.ErrorContains(t, err, path)
		after, err := os.ReadFile(path)
		require.NoError(t, err)
		require.True(t, content == string(after), "a file that is refused is left as it is")
	}
}

func TestJournalHasOneOwner(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal")
	first, err := New(Config{Journal: path})
	require.NoError(t, err)
	_, err = New(Config{Journal: path})
	require.ErrorContains(t, err, "in use by another sandbox")
	require.NoError(t, first.Close())
	require.NoError(t, first.Close())
	second, err := New(Config{Journal: path})
	require.NoError(t, err)
	require.NoError(t, second.Close())
}

func TestJournalThatCannotBeOpened(t *testing.T) {
	_, err := New(Config{Journal: filepath.Join(t.TempDir(), "no", "such", "folder")})
	require.ErrorContains(t, err, "no such file")
	_, err = New(Config{Journal: t.TempDir()})
	require.Error(t, err)
}

// What cannot be written has not happened.
func TestNothingHappensWithoutTheJournal(t *testing.T) {
	c := open(t, Config{Journal: filepath.Join(t.TempDir(), "journal")})
	key := c.take("1", "f")
	require.NoError(t, c.box.Close())
	for operation, body := range map[string]string{
		"doSendPublicMes": text("1", "f", "x"), "applyTakeOver": `{"wechat_key":"1","friend_key":"g"}`, "endTakeOver": `{"TakeOverKey":"` + key + `"}`,
	} {
		a := c.call(operation, body)
		require.Equal(t, []int{500, 200011}, []int{a.status, a.Code}, operation)
		require.Contains(t, a.description(), "journal")
	}
	stats := c.box.Stats()
	require.Zero(t, stats.Deliveries)
	require.Equal(t, 1, stats.OpenTakeovers)
}

// A disk that is full in the middle of a line: the part is taken back, and what follows is whole.
func TestHalfALineIsTakenBack(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal")
	j, err := openJournal(path, func(record) error { return nil })
	require.NoError(t, err)
	file := j.file
	j.file, err = os.Open(path) // cannot be written to, nor be cut
	require.NoError(t, err)
	readOnly := j.file
	line := record{Ended: &ending{Key: "k"}}
	require.Error(t, j.append(line))
	require.ErrorContains(t, j.append(line), "could not be taken back")
	require.NoError(t, readOnly.Close())
	j.file = file
	require.NoError(t, j.close())
}

// The journal makes the same world, whatever was done.
func TestJournalIsTheWorld(t *testing.T) {
	directory := t.TempDir()
	rapid.Check(t, func(t *rapid.T) {
		path := filepath.Join(directory, "journal")
		require.NoError(t, os.RemoveAll(path))
		config := Config{Journal: path, Seed: 5, KeepDeliveries: 3, KeepTakeovers: 2}
		box, err := New(config)
		require.NoError(t, err)
		friends, words := rapid.SampledFrom([]string{"f", "g", "客户"}), rapid.SampledFrom([]string{"a", "b", "\x00<é>"})
		for range rapid.IntRange(0, 30).Draw(t, "steps") {
			friend := friends.Draw(t, "friend")
			switch rapid.IntRange(0, 3).Draw(t, "what") {
			case 0:
				_, err = box.world.apply(Takeover{Account: "1", Friend: friend, AppliedAt: box.config.Clock().UTC()})
			case 1:
				_, err = box.world.end("", "1", friend, box.config.Clock().UTC())
			default:
				fields := map[string]any{"Text": words.Draw(t, "words")}
				_, err = box.world.deliver(Delivery{Account: "1", Friend: friend, Body: jsonReply(200, fields).body, content: messageDigest(fields), At: box.config.Clock().UTC()})
			}
			require.NoError(t, err)
		}
		require.NoError(t, box.Close())
		again, err := New(config)
		require.NoError(t, err)
		require.Equal(t, comparableStats(box), comparableStats(again))
		requireSameJSON(t, box.Deliveries(), again.Deliveries())
		requireSameJSON(t, box.Takeovers(), again.Takeovers())
		require.Equal(t, box.world.messages, again.world.messages)
		require.Equal(t, box.world.conversations, again.world.conversations)
		require.Equal(t, box.world.open, again.world.open)
		require.NoError(t, again.Close())
	})
}
