package audience

import (
	"archive/zip"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
)

// Bounds of a workbook. A million rows of ten cells come to some 500 MiB.
const (
	maxWorkbook = 512 << 20 // bytes of the file
	maxUnzipped = 2 << 30   // bytes of all its parts
	maxOther    = 64 << 20  // bytes of the parts that are neither sheets nor their strings: all are read into memory
	maxInMemory = 4 << 20   // bytes of a sheet or its strings: what is larger is unzipped to a temporary file
	maxParts    = 10_000
	maxRatio    = 200 // of unzipped to zipped bytes, where that is much: sheets come to 20
	muchUnzip   = 64 << 20
)

// verify reads a workbook through once. excelize takes a part that breaks off, or a sheet that stops being XML, for its
// end: the rows behind would be left out in silence.
func verify(file *os.File, path string) error {
	info, err := file.Stat()
	if err != nil {
		return openError(path, err)
	}
	if info.Size() == 0 {
		return emptyFile(path)
	}
	start := make([]byte, 8)
	if _, err := file.ReadAt(start, 0); err != nil && err != io.EOF {
		return openError(path, err)
	}
	if bytes.Equal(start, []byte("\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1")) {
		return &RowError{File: path, Problem: "the workbook has a password or is an old .xls file", Hint: "save it as .xlsx without a password"}
	}
	if info.Size() > maxWorkbook {
		return tooLarge(path, "the file is larger than 512 MiB")
	}
	archive, err := zip.NewReader(file, info.Size())
	if err != nil {
		return damaged(path, err)
	}
	if err := bounded(archive, path, info.Size()); err != nil {
		return err
	}
	for _, part := range archive.File {
		if err := verifyPart(part); err != nil {
			return damaged(path, fmt.Errorf("%s: %w", part.Name, err))
		}
	}
	return nil
}

// bounded believes the sizes that the archive states: archive/zip ends a part that does not keep to its own.
func bounded(archive *zip.Reader, path string, zipped int64) error {
	if len(archive.File) > maxParts {
		return tooLarge(path, "the workbook has more than 10,000 parts")
	}
	var all, other uint64
	for _, part := range archive.File {
		if part.UncompressedSize64 > maxUnzipped {
			return tooLarge(path, "the workbook unzips to more than 2 GiB")
		}
		all += part.UncompressedSize64
		if !isSheet(part.Name) {
			other += part.UncompressedSize64
		}
	}
	switch {
	case all > maxUnzipped:
		return tooLarge(path, "the workbook unzips to more than 2 GiB")
	case all > muchUnzip && all/maxRatio > uint64(zipped):
		return tooLarge(path, "the workbook unzips to more than 200 times its size, as an attack would")
	case other > maxOther:
		return tooLarge(path, "the workbook holds more than 64 MiB besides its cells")
	}
	return nil
}

func tooLarge(path, problem string) *RowError {
	return &RowError{File: path, Problem: problem, Hint: "keep the list alone in the workbook, or save it as CSV UTF-8"}
}

func isSheet(name string) bool {
	name = strings.ToLower(strings.ReplaceAll(name, "\\", "/"))
	return strings.HasPrefix(name, "xl/worksheets/sheet") || name == "xl/sharedstrings.xml"
}

// verifyPart checks a part's length and sum, and what it holds where that is XML.
func verifyPart(part *zip.File) (err error) {
	reader, err := part.Open()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, reader.Close()) }()
	if isXML(part.Name) {
		if err := verifyXML(reader, mostElements(part.Name)); err != nil {
			return err
		}
	}
	_, err = io.Copy(io.Discard, reader)
	return err
}

func isXML(name string) bool {
	name = strings.ToLower(name)
	return strings.HasSuffix(name, ".xml") || strings.HasSuffix(name, ".rels")
}
