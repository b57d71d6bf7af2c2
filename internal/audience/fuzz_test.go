package audience

import (
	"archive/zip"
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
)

// fuzz reads whatever comes: it ends, every row has every column, numbers rise, text is UTF-8, and an error is a
// *RowError of one line.
func fuzz(f *testing.F, suffix string, wrap func(*testing.T, []byte) []byte) {
	folder := f.TempDir()
	f.Fuzz(func(t *testing.T, content []byte) {
		path := filepath.Join(folder, "list"+suffix)
		require.NoError(t, os.WriteFile(path, wrap(t, content), 0o600))
		reader, err := Open(path, Options{})
		if err != nil {
			_ = checkError(t, err)
			return
		}
		defer func() { require.NoError(t, reader.Close()) }()
		last := 0
		lines := strings.Count(string(content), "\n") + strings.Count(string(content), "\r") + 1
		for calls := 0; ; calls++ {
			require.Less(t, calls, 20*len(content)+100, "it does not end")
			row, number, err := reader.Next()
			if err == io.EOF {
				return
			}
			if err != nil {
				problem := checkError(t, err)
				if suffix != ".xlsx" {
					require.LessOrEqual(t, problem.Row, lines, "a place outside the file")
				} else {
					require.LessOrEqual(t, problem.Row, maxSheetRows)
				}
				if !problem.Continues {
					_, _, again := reader.Next()
					require.Equal(t, err, again)
					return
				}
				require.Positive(t, problem.Row)
				require.GreaterOrEqual(t, problem.Row, last)
				last = problem.Row
				continue
			}
			require.Greater(t, number, last)
			last = number
			if suffix != ".jsonl" {
				require.Len(t, row, len(reader.Columns()))
			}
			for name, value := range row {
				require.True(t, utf8.ValidString(name))
				if text, ok := value.(string); ok {
					require.True(t, utf8.ValidString(text))
					require.NotContains(t, text, "\x00")
				}
			}
		}
	})
}

func asIs(_ *testing.T, content []byte) []byte { return content }

func checkError(t *testing.T, err error) *RowError {
	var rowError *RowError
	require.ErrorAs(t, err, &rowError)
	require.Zero(t, strings.Count(err.Error(), "\n"), err.Error())
	return rowError
}

func FuzzCSV(f *testing.F) {
	for _, seed := range []string{"a,b\n1,2\n", "\xEF\xBB\xBFa,b\r\n\"1\n\",2\r\n", "\xFF\xFEa\x00\n\x001\x00", "\xD5\xCB,b\n\xB0\xA1,\"\n", "a\n\xff", "a,b\n1\n\"x\"y,2\n3,4\n", "友,b\n友,\xff\n友,2\n"} {
		f.Add([]byte(seed))
	}
	fuzz(f, ".csv", asIs)
}

func FuzzJSONL(f *testing.F) {
	for _, seed := range []string{`{"a":1}`, "{\"a\":[1.5,{\"b\":null}]}\n\n{\"a\":1e3}", `{"a":1,"a":2}`, "{\"a\":\"\xff\"}"} {
		f.Add([]byte(seed))
	}
	fuzz(f, ".jsonl", asIs)
}

// FuzzXLSX changes a sheet within a sound archive: changes of the archive's bytes would all end at its check sums.
func FuzzXLSX(f *testing.F) {
	parts := map[string][]byte{}
	archive, err := zip.OpenReader(sheet(f, []any{"account", "friend"}, []any{"wx1", 5}, nil, []any{"", "f2"}))
	require.NoError(f, err)
	for _, part := range archive.File {
		reader, err := part.Open()
		require.NoError(f, err)
		parts[part.Name], err = io.ReadAll(reader)
		require.NoError(f, err)
	}
	require.NoError(f, archive.Close())
	const changed = "xl/worksheets/sheet1.xml"
	f.Add(parts[changed])
	f.Add([]byte(`<worksheet><sheetData><row r="1"><c t="inlineStr"><is><t>a</t></is></c></row><row><c><v>1</v></c></row></sheetData></worksheet>`))
	fuzz(f, ".xlsx", func(t *testing.T, content []byte) []byte {
		var out bytes.Buffer
		writer := zip.NewWriter(&out)
		for name, body := range parts {
			if name == changed {
				body = content
			}
			part, err := writer.CreateHeader(&zip.FileHeader{Name: name, Method: zip.Store})
			require.NoError(t, err)
			_, err = part.Write(body)
			require.NoError(t, err)
		}
		require.NoError(t, writer.Close())
		return out.Bytes()
	})
}
