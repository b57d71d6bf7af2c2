package engine

import (
	"hash/fnv"

	"youmiflow/workflows"
)

// variantOf chooses the branch of a comparison that a key belongs to, in proportion to the weights. It follows from the
// names and the key alone: who was in a branch once is in it in every run. "" without variants.
func variantOf(foreach *workflows.Foreach, workflow, step, key string) string {
	if len(foreach.Variants) == 0 {
		return ""
	}
	total := uint64(0)
	hash := fnv.New64a()
	for _, part := range []string{workflow, step} {
		hash.Write([]byte(part))
		hash.Write([]byte{0})
	}
	for _, variant := range foreach.Variants {
		total += uint64(max(variant.Weight, 0))
		hash.Write([]byte(variant.Name))
		hash.Write([]byte{0})
	}
	if total == 0 {
		return ""
	}
	hash.Write([]byte(key))
	place := spread(hash.Sum64()) % total
	for _, variant := range foreach.Variants {
		weight := uint64(max(variant.Weight, 0))
		if place < weight {
			return variant.Name
		}
		place -= weight
	}
	return ""
}

// spread is the finalizer of SplitMix64 (Steele, Lea and Flood, 2014): FNV alone is not even enough to be divided.
func spread(x uint64) uint64 {
	x ^= x >> 30
	x *= 0xbf58476d1ce4e5b9
	x ^= x >> 27
	x *= 0x94d049bb133111eb
	return x ^ x>>31
}

// workflowName is the one that expressions see.
func workflowName(names map[string]any) string {
	run, _ := names["run"].(map[string]any)
	name, _ := run["workflow"].(string)
	return name
}
