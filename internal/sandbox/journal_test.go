package sandbox

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

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
		config := Config{Journal: filepath.Join(directory, "torn.jsonl"), KeepDeliveries: 3}
		require.NoError(t, os.WriteFile(config.Journal, whole[:size], 0o600))
		w, err := openWorld(config)
		require.NoError(t, err, "cut to %d of %d bytes", size, len(whole))
		kept := max(0, strings.Count(string(whole[:size]), "\n")-1)
		require.EqualValues(t, kept, w.total)
		// what is written next starts a line of its own
		_, err = w.deliver(Delivery{Account: "1", Friend: "f", Body: []byte(`{"Text":"next"}`)})
		require.NoError(t, err)
		require.NoError(t, w.close())
		w, err = openWorld(config)
		require.NoError(t, err)
		require.EqualValues(t, kept+1, w.total)
		require.NoError(t, w.close())
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
		journalHeader + strings.Repeat("x", maxLine+1) + "\n":     "line 2: it is longer",
		journalHeader + delivery + strings.Repeat("x", maxLine+1): "line 3: it is longer",
	} {
		path := filepath.Join(t.TempDir(), "journal")
		require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
		_, err := New(Config{Journal: path})
		require.ErrorContains(t, err, want)
		require.ErrorContains(t, err, path)
		after, err := os.ReadFile(path)
		require.NoError(t, err)
		require.Equal(t, content, string(after), "a file that is refused is left as it is")
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

// fullDisk writes only a part of a line.
type fullDisk struct {
	storage
	room  int
	uncut error // what Truncate says
}

func (d *fullDisk) Write(line []byte) (int, error) {
	if len(line) <= d.room {
		return d.storage.Write(line)
	}
	n, _ := d.storage.Write(line[:d.room])
	return n, syscall.ENOSPC
}

func (d *fullDisk) Truncate(size int64) error {
	if d.uncut != nil {
		return d.uncut
	}
	return d.storage.Truncate(size)
}

// A disk that is full in the middle of a line: the part is taken back, the message was not delivered, and what follows
// is whole.
func TestHalfALineIsTakenBack(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal")
	c := open(t, Config{Journal: path})
	journal := c.box.world.journal
	disk := &fullDisk{storage: journal.file, room: 20}
	journal.file = disk
	a := c.call("doSendPublicMes", text("1", "f", "lost"))
	require.Equal(t, 500, a.status)
	require.Contains(t, a.description(), "no space left")
	disk.room = 1 << 20
	require.True(t, c.call("doSendPublicMes", text("1", "f", "kept")).Succeed)
	require.NoError(t, c.box.Close())

	again, err := New(Config{Journal: path})
	require.NoError(t, err)
	require.EqualValues(t, 1, again.Stats().Deliveries)
	require.NoError(t, again.Close())
}

func TestWhatCannotBeTakenBackStopsTheJournal(t *testing.T) {
	c := open(t, Config{Journal: filepath.Join(t.TempDir(), "journal")})
	journal := c.box.world.journal
	disk := &fullDisk{storage: journal.file, uncut: syscall.EIO}
	journal.file = disk
	require.False(t, c.call("doSendPublicMes", text("1", "f", "x")).Succeed)
	disk.room = 1 << 20
	a := c.call("doSendPublicMes", text("1", "f", "x"))
	require.Contains(t, a.description(), "could not be taken back")
	require.Error(t, c.box.Reset())
	require.Zero(t, c.box.Stats().Deliveries)
}

// The journal makes the same world, whatever was done.
func TestJournalIsTheWorld(t *testing.T) {
	directory, attempts := t.TempDir(), 0
	rapid.Check(t, func(t *rapid.T) {
		attempts++ // each has a file of its own: one that failed still holds its lock
		config := Config{Journal: filepath.Join(directory, fmt.Sprint(attempts)), Seed: 5, KeepDeliveries: 3, KeepTakeovers: 2}
		w, err := openWorld(config)
		require.NoError(t, err)
		friends, words := rapid.SampledFrom([]string{"f", "g", "客户"}), rapid.SampledFrom([]string{"a", "b", "\x00<é>"})
		for step := range rapid.IntRange(0, 30).Draw(t, "steps") {
			friend, at := friends.Draw(t, "friend"), time.Unix(int64(step), 0).UTC()
			switch rapid.IntRange(0, 3).Draw(t, "what") {
			case 0:
				_, err = w.apply(Takeover{Account: "1", Friend: friend, AppliedAt: at})
			case 1:
				_, err = w.end("", "1", friend, at)
			default:
				fields := map[string]any{"Text": words.Draw(t, "words")}
				_, err = w.deliver(Delivery{Account: "1", Friend: friend, Body: jsonReply(200, fields).body, content: messageDigest(fields), At: at})
			}
			require.NoError(t, err)
		}
		require.NoError(t, w.close())
		again, err := openWorld(config)
		require.NoError(t, err)
		require.Equal(t, w.stats(), again.stats())
		requireSameJSON(t, w.deliveries(), again.deliveries())
		requireSameJSON(t, w.takeovers(), again.takeovers())
		require.Equal(t, w.messages, again.messages)
		require.Equal(t, w.conversations, again.conversations)
		require.Equal(t, w.open, again.open)
		require.NoError(t, again.close())
	})
}

// Whatever a file holds, it is read or refused, and what is kept of it is whole lines that read the same again.
func FuzzJournal(f *testing.F) {
	f.Add([]byte(journalHeader + `{"delivery":{"sequence":1,"account":"1","friend":"f","body":{}}}` + "\n" + `{"applied":{"key":"k","account":"1","friend":"f"}}` + "\n" + `{"ended":{"key":"k"}}` + "\n" + `{"en`))
	f.Add([]byte(journalHeader[:9]))
	f.Add([]byte("name: campaign\n"))
	f.Fuzz(func(t *testing.T, content []byte) {
		read := func(content []byte) (*world, int64, error) {
			w, err := openWorld(Config{KeepDeliveries: 3, KeepTakeovers: 3})
			require.NoError(t, err)
			size, err := readJournal(bytes.NewReader(content), w.replay)
			return w, size, err
		}
		w, size, err := read(content)
		require.LessOrEqual(t, size, int64(len(content)))
		if err != nil {
			return
		}
		again, same, err := read(content[:size])
		require.NoError(t, err)
		require.Equal(t, size, same)
		require.Equal(t, w.stats(), again.stats())
	})
}
