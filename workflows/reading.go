package workflows

import "youmiflow/internal/diagnostic"

// Reading checks the texts of one folder together: a text that several others call is read and checked once. It is for
// one reading: a text that changes later needs another. It must not be used by two goroutines at once.
type Reading struct{ library *library }

// NewReading makes a Reading. What the texts call is looked for in folder; nil: nothing can be called.
func NewReading(catalogue Catalogue, folder Folder) *Reading {
	return &Reading{newLibrary(catalogue, folder)}
}

// Parse checks one text, as ParseIn does. A file is known by its name: the text of a second Parse of it is not looked at.
func (r *Reading) Parse(file string, source []byte) (*Workflow, diagnostic.List) {
	return r.library.parse(r.library.add(file, source))
}

// GivenName is the name that a text gives the workflow, found without checking the text, so that one with errors has its
// name all the same. "" when it gives none.
func GivenName(source []byte) string { return nameIn(source) }
