package limit

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// TestContactIsAdmittedAtTheFirstInstantThatDoes tries every instant and every span, by definition.
func TestContactIsAdmittedAtTheFirstInstantThatDoes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f := frequency{per: rapid.Int64Range(1, 20).Draw(t, "per") * grain, most: rapid.IntRange(1, 4).Draw(t, "max")}
		var c contacts
		for i := range rapid.IntRange(0, 8).Draw(t, "contacts") {
			first := rapid.Int64Range(0, 60).Draw(t, "first") * grain
			c.list = append(c.list, contact{uint64(i + 1), first, first + rapid.Int64Range(0, 9).Draw(t, "lasts")*grain})
		}
		at := rapid.Int64Range(0, 60).Draw(t, "at") * grain
		got, begun := f.admit(&c, 99, at)
		require.False(t, begun)
		require.Equal(t, firstByDefinition(f, &c, at), got)
	})
}

func firstByDefinition(f frequency, c *contacts, at int64) int64 {
	for ; ; at += grain {
		full := false
		for from := at - f.per + 1; from <= at; from += grain / 2 {
			n := 0
			for _, one := range c.list {
				if one.first < from+f.per && one.last >= from {
					n++
				}
			}
			full = full || n >= f.most
		}
		if !full {
			return at
		}
	}
}

func TestContactsAreKeptAsTheyWere(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f := frequency{per: rapid.Int64Range(1, 1e6).Draw(t, "per") * grain, most: rapid.IntRange(1, 5).Draw(t, "max")}
		var c contacts
		for range rapid.IntRange(0, 30).Draw(t, "calls") {
			at, _ := f.admit(&c, 0, rapid.Int64Range(0, 1e6*grain).Draw(t, "at"))
			f.add(&c, uint64(rapid.IntRange(0, 3).Draw(t, "contact")), at, rapid.Int64Range(0, at).Draw(t, "now"))
			require.LessOrEqual(t, len(c.list), 2*f.most)
			require.True(t, slices.IsSortedFunc(c.list, func(a, b contact) int { return int(a.first - b.first) }))
		}
		var again contacts
		require.NoError(t, again.read(c.append(nil)))
		require.Equal(t, c.floor, again.floor)
		require.Equal(t, append([]contact{}, c.list...), append([]contact{}, again.list...))
	})
}

func TestStateOfOneContactIsSmall(t *testing.T) {
	f := frequency{per: 7 * 24 * 3600 * 1000 * grain, most: 2}
	var c contacts
	f.add(&c, contactID("run/step/key"), start.UnixNano(), start.UnixNano())
	require.Len(t, c.append(nil), 16)
	for i := range 2000 {
		f.most = 1000
		f.add(&c, uint64(i)<<40, start.UnixNano()+int64(i)*60_000*grain, start.UnixNano())
	}
	require.Less(t, len(c.append(nil)), 25_000)
}

// FuzzState: whatever stands in the ledger is read, or refused; and what is read can be written and used.
func FuzzState(f *testing.F) {
	var c contacts
	frequency{per: grain, most: 2}.add(&c, 7, start.UnixNano(), 0)
	f.Add(c.append(nil))
	var s spells
	rest{after: 2, least: grain, longer: grain}.add(&s, start.UnixNano(), 0, grain)
	f.Add(s.append(nil))
	f.Add((&warmUp{days: []int64{20261111, 20261112}}).append(nil))
	f.Fuzz(func(t *testing.T, text []byte) {
		var c contacts
		if c.read(text) == nil {
			var again contacts
			require.NoError(t, again.read(c.append(nil)))
			limit := frequency{per: grain, most: 1}
			limit.admit(&c, 1, start.UnixNano())
			limit.add(&c, 1, start.UnixNano(), start.UnixNano())
		}
		var s spells
		if s.read(text) == nil {
			limit := rest{after: 1, least: grain, longer: grain}
			limit.admit(&s, start.UnixNano())
			limit.add(&s, start.UnixNano(), start.UnixNano(), grain)
			s.append(nil)
		}
		w := warmUp{caps: []int{1, 2}}
		if w.read(text) == nil {
			w.add(20261111)
			w.append(nil)
		}
	})
}
