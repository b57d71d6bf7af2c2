package rehearsal

import (
	"fmt"

	"youmiflow/internal/diagnostic"
)

// mostCells bounds the table in which two lists are compared. Beyond it, what does not begin or end alike is compared one by
// one.
const mostCells = 4_000_000

// around is how many lines that agree are shown around those that do not, and mostLines how many lines at all.
const (
	around    = 2
	mostLines = 60
)

// compareCalls is the difference as lines, and where the first expectation stands that is not met; nil when all agree.
func compareCalls(want *Calls, got []madeCall) ([]string, diagnostic.Span) {
	if want.Key == "calls_contain" {
		return contains(want, got)
	}
	pairs := align(len(want.List), len(got), func(i, j int) bool { return got[j].agrees(want.List[i]) })
	var lines []string
	same, span := true, want.Span
	i, j := 0, 0
	for _, next := range append(pairs, [2]int{len(want.List), len(got)}) {
		lines = append(lines, between(want.List[i:next[0]], got[j:next[1]])...)
		if same && i < next[0] {
			span = want.List[i].Span
		}
		same = same && i == next[0] && j == next[1]
		if next[0] < len(want.List) {
			lines = append(lines, "  "+want.List[next[0]].line())
		}
		i, j = next[0]+1, next[1]+1
	}
	if same {
		return nil, span
	}
	return shortened(trimmed(lines)), span
}

// between shows calls that do not agree: each next to the one in its place.
func between(want []Call, got []madeCall) []string {
	var lines []string
	for k := range max(len(want), len(got)) {
		if k < len(want) {
			lines = append(lines, "- "+want[k].line())
		}
		switch {
		case k < len(want) && k < len(got):
			lines = append(lines, "+ "+got[k].line(want[k]))
		case k < len(got):
			lines = append(lines, "+ "+got[k].whole())
		}
	}
	return lines
}

// contains looks for the expected calls in their order, whatever stands between.
func contains(want *Calls, got []madeCall) ([]string, diagnostic.Span) {
	from := 0
	var found []string
	for _, one := range want.List {
		at := from
		for at < len(got) && !got[at].agrees(one) {
			at++
		}
		if at == len(got) {
			lines := append(trimmedTail(found), "- "+one.line())
			for _, other := range got[from:] {
				lines = append(lines, "+ "+other.line(one))
			}
			return shortened(lines), one.Span
		}
		found = append(found, "  "+one.line())
		from = at + 1
	}
	return nil, want.Span
}

// align pairs what agrees in two lists, in order, as many as there can be.
func align(n, m int, agree func(i, j int) bool) [][2]int {
	var head, tail [][2]int
	first := 0
	for first < n && first < m && agree(first, first) {
		head = append(head, [2]int{first, first})
		first++
	}
	for n > first && m > first && agree(n-1, m-1) {
		n, m = n-1, m-1
		tail = append(tail, [2]int{n, m})
	}
	for i := len(tail)/2 - 1; i >= 0; i-- {
		tail[i], tail[len(tail)-1-i] = tail[len(tail)-1-i], tail[i]
	}
	return append(append(head, middle(first, n, m, agree)...), tail...)
}

// middle is the longest common subsequence of what is left.
func middle(first, n, m int, agree func(i, j int) bool) [][2]int {
	rows, columns := n-first, m-first
	var pairs [][2]int
	if rows <= 0 || columns <= 0 {
		return nil
	}
	if rows*columns > mostCells {
		for i := first; i < min(n, m); i++ {
			if agree(i, i) {
				pairs = append(pairs, [2]int{i, i})
			}
		}
		return pairs
	}
	table := make([][]int32, rows+1)
	for i := range table {
		table[i] = make([]int32, columns+1)
	}
	for i := rows - 1; i >= 0; i-- {
		for j := columns - 1; j >= 0; j-- {
			if agree(first+i, first+j) {
				table[i][j] = table[i+1][j+1] + 1
			} else {
				table[i][j] = max(table[i+1][j], table[i][j+1])
			}
		}
	}
	for i, j := 0, 0; i < rows && j < columns; {
		switch {
		case agree(first+i, first+j) && table[i][j] == table[i+1][j+1]+1:
			pairs = append(pairs, [2]int{first + i, first + j})
			i, j = i+1, j+1
		case table[i+1][j] >= table[i][j+1]:
			i++
		default:
			j++
		}
	}
	return pairs
}

// trimmed leaves out lines that agree, but for those around the others.
func trimmed(lines []string) []string {
	keep := make([]bool, len(lines))
	for i, line := range lines {
		if line[0] == ' ' {
			continue
		}
		for k := max(0, i-around); k < min(len(lines), i+around+1); k++ {
			keep[k] = true
		}
	}
	var kept []string
	left := 0
	for i, line := range lines {
		if !keep[i] {
			left++
			continue
		}
		if left > 0 {
			kept, left = append(kept, more(left)), 0
		}
		kept = append(kept, line)
	}
	if left > 0 {
		kept = append(kept, more(left))
	}
	return kept
}

// trimmedTail keeps the last of lines that agree.
func trimmedTail(lines []string) []string {
	if len(lines) <= around {
		return lines
	}
	return append([]string{more(len(lines) - around)}, lines[len(lines)-around:]...)
}

func more(n int) string { return fmt.Sprintf("  … %d more …", n) }

// shortened bounds a difference.
func shortened(lines []string) []string {
	if len(lines) <= mostLines {
		return lines
	}
	return append(lines[:mostLines:mostLines], more(len(lines)-mostLines))
}
