package engine

import (
	"encoding/binary"
	"errors"
	"io"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"youmiflow/workflows"
)

// A spool gives back every lane's records in their order, however little memory it has, and leaves no file behind.
func TestASpoolKeepsTheOrderOfEachLane(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := newSpool()
		s.chunk, s.memory = rapid.IntRange(1, 200).Draw(t, "chunk"), rapid.IntRange(1, 400).Draw(t, "memory")
		want := map[string][]byte{}
		for i := range rapid.IntRange(0, 300).Draw(t, "records") {
			name := rapid.SampledFrom([]string{"a", "b", "c"}).Draw(t, "lane")
			record := binary.AppendUvarint(nil, uint64(i))
			want[name] = append(want[name], record...)
			require.NoError(t, s.add(s.lane(name), record[:1], record[1:]))
		}
		for _, lane := range s.lanes {
			var got, buffer []byte
			for {
				part, err := s.next(lane, buffer)
				if errors.Is(err, io.EOF) {
					break
				}
				require.NoError(t, err)
				got, buffer = append(got, part...), part
			}
			require.Equal(t, want[lane.name], got)
		}
		require.NoError(t, s.close())
		if s.file != nil {
			require.NoFileExists(t, s.file.Name())
		}
	})
}

func TestAKeySetTellsNewKeys(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		set, known := newKeySet(), map[string]bool{}
		for _, key := range rapid.SliceOf(rapid.StringN(0, 3, 6)).Draw(t, "keys") {
			require.Equal(t, !known[key], set.add(set.hash(key)))
			known[key] = true
		}
	})
	set := newKeySet()
	for i := range 100_000 {
		require.True(t, set.add(set.hash(string(binary.AppendUvarint(nil, uint64(i))))))
	}
	require.Less(t, 8*len(set.slots), 16*set.used, "bytes of a key")
}

// The seeds of a plan's calls are those of the run.
func TestSeedsAreThoseOfTheRun(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		digest, key, path := rapid.String().Draw(t, "digest"), rapid.String().Draw(t, "key"), rapid.String().Draw(t, "path")
		s := &scope{item: Item{Key: key}, active: &activeRun{}}
		s.active.workflow = &workflows.Workflow{Digest: digest}
		require.Equal(t, s.limited(path, Request{}).Seed, seedOf(newSeeds(digest).item(key), path))
	})
}
