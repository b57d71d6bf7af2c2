package engine

import (
	"hash/maphash"
	"math/bits"
)

// keySet tells keys that it has seen from new ones. It keeps 64 bits of each, at 9 to 15 bytes a key: among a million keys
// the chance that any two are mistaken for each other is below one in ten million.
type keySet struct {
	seed  maphash.Seed
	slots []uint64 // 0 is empty
	used  int
}

func newKeySet() *keySet { return &keySet{seed: maphash.MakeSeed(), slots: make([]uint64, 1024)} }

// hash is what the set knows a key by; never 0.
func (k *keySet) hash(key string) uint64 { return max(1, maphash.String(k.seed, key)) }

// add reports whether the key of that hash is new.
func (k *keySet) add(hash uint64) bool {
	if k.used >= len(k.slots)/8*7 {
		k.grow()
	}
	slot := k.find(hash)
	if k.slots[slot] == hash {
		return false
	}
	k.slots[slot] = hash
	k.used++
	return true
}

// find is the hash's slot, or the empty one where it belongs.
func (k *keySet) find(hash uint64) int {
	first, _ := bits.Mul64(hash, uint64(len(k.slots)))
	for slot := int(first); ; slot++ {
		if slot == len(k.slots) {
			slot = 0
		}
		if k.slots[slot] == 0 || k.slots[slot] == hash {
			return slot
		}
	}
}

func (k *keySet) grow() {
	old := k.slots
	k.slots = make([]uint64, len(old)+len(old)/2)
	for _, hash := range old {
		if hash != 0 {
			k.slots[k.find(hash)] = hash
		}
	}
}
