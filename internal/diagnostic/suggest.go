package diagnostic

import (
	"cmp"
	"slices"
	"strings"
)

// longestSuggestable bounds the work of Suggest: names longer than this many characters are compared only for equality.
const longestSuggestable = 64

// Suggest picks the candidate that name was probably meant to be, or "" when none is near. Letter case does not
// count; a swap of two neighbouring letters counts as one slip. The nearest wins, then the alphabetically first, so the
// order of the candidates does not matter.
func Suggest(name string, candidates []string) string {
	wanted := []rune(strings.ToLower(name))
	if len(wanted) == 0 {
		return ""
	}
	best, least := "", allowedSlips(len(wanted))+1
	for _, candidate := range slices.Sorted(slices.Values(candidates)) {
		if candidate == name || candidate == "" {
			continue
		}
		if d := distance(wanted, []rune(strings.ToLower(candidate)), least); d < least {
			best, least = candidate, d
		}
	}
	return best
}

// allowedSlips lets one slip pass in short names and more in longer ones; a one-letter name may only differ in case,
// since any other single letter would be as near.
func allowedSlips(length int) int {
	switch {
	case length <= 1:
		return 0
	case length <= 4:
		return 1
	case length <= 8:
		return 2
	}
	return 3
}

// distance is the optimal string alignment distance of Damerau and Levenshtein, or limit when it is not below limit.
func distance(a, b []rune, limit int) int {
	if slices.Equal(a, b) {
		return 0
	}
	gap := max(len(a)-len(b), len(b)-len(a))
	if gap >= limit || max(len(a), len(b)) > longestSuggestable {
		return limit
	}
	before, previous, current := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range previous {
		previous[j] = j
	}
	for i := 1; i <= len(a); i++ {
		current[0] = i
		for j := 1; j <= len(b); j++ {
			current[j] = min(previous[j]+1, current[j-1]+1, previous[j-1]+unequal(a[i-1], b[j-1]))
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				current[j] = min(current[j], before[j-2]+1)
			}
		}
		before, previous, current = previous, current, before
	}
	return min(previous[len(b)], limit)
}

func unequal[T cmp.Ordered](a, b T) int {
	if a == b {
		return 0
	}
	return 1
}
