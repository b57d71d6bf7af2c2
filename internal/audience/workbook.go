package audience

import "os"

// newWorkbook is the reader of xlsx.
func newWorkbook(file *os.File, path string, options Options) (source, error) {
	return nil, &RowError{File: path, Problem: "xlsx is not read yet", Hint: "save it as CSV UTF-8"}
}
