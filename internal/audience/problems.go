package audience

import "slices"

// queue holds what is wrong with one row, to be handed out problem by problem.
type queue struct{ waiting []*RowError }

func (q *queue) add(problem *RowError) { q.waiting = append(q.waiting, problem) }

// pop returns the next problem, nil when there is none.
func (q *queue) pop() error {
	if len(q.waiting) == 0 {
		return nil
	}
	first := q.waiting[0]
	q.waiting = slices.Delete(q.waiting, 0, 1)
	return first
}

// fillCells notes each column of Options.Filled that is empty in a row; cell gives its text.
func (q *queue) fillCells(file string, row int, filled []string, cell func(column string) string) {
	for _, column := range filled {
		if cell(column) == "" {
			q.add((&RowError{File: file, Row: row, Column: column, Problem: "empty", Hint: "fill the cell, or delete the row"}).only(""))
		}
	}
}
