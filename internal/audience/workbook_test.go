package audience

import (
	"archive/zip"
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/xuri/excelize/v2"
)

// sheet writes rows to a workbook with the sheets Sheet1 (the rows) and 名单 (one row more).
func sheet(t testing.TB, rows ...[]any) string {
	t.Helper()
	book := excelize.NewFile()
	for i, row := range rows {
		require.NoError(t, book.SetSheetRow("Sheet1", fmt.Sprintf("A%d", i+1), &row))
	}
	_, err := book.NewSheet("名单")
	require.NoError(t, err)
	require.NoError(t, book.SetSheetRow("名单", "A1", &[]any{"friend"}))
	require.NoError(t, book.SetSheetRow("名单", "A2", &[]any{"f9"}))
	path := filepath.Join(t.TempDir(), "list.xlsx")
	require.NoError(t, book.SaveAs(path))
	require.NoError(t, book.Close())
	return path
}

// rezip changes one part of a workbook.
func rezip(t testing.TB, path, part string, change func([]byte) []byte) string {
	t.Helper()
	archive, err := zip.OpenReader(path)
	require.NoError(t, err)
	var out bytes.Buffer
	writer := zip.NewWriter(&out)
	found := false
	for _, file := range archive.File {
		reader, err := file.Open()
		require.NoError(t, err)
		var content bytes.Buffer
		_, err = content.ReadFrom(reader)
		require.NoError(t, err)
		body := content.Bytes()
		if file.Name == part {
			found, body = true, change(body)
		}
		w, err := writer.Create(file.Name)
		require.NoError(t, err)
		_, err = w.Write(body)
		require.NoError(t, err)
	}
	require.NoError(t, archive.Close())
	require.NoError(t, writer.Close())
	require.True(t, found, part)
	changed := filepath.Join(t.TempDir(), "list.xlsx")
	require.NoError(t, os.WriteFile(changed, out.Bytes(), 0o600))
	return changed
}

func TestWorkbookRows(t *testing.T) {
	path := sheet(t, []any{"account", " friend ", "name", "since"},
		[]any{"wx1", 13800138000, " 王小明 ", time.Date(2026, 11, 11, 0, 0, 0, 0, time.UTC)}, nil, []any{"wx2", "0012"}, []any{"", "  "})
	rows, numbers, err := read(t, path, Options{Rename: map[string]string{"since": "from"}})
	require.NoError(t, err)
	require.Equal(t, "2026-11-11", strings.Fields(rows[0]["from"].(string))[0])
	delete(rows[0], "from")
	require.Equal(t, []row{
		{"account": "wx1", "friend": "13800138000", "name": "王小明"},
		{"account": "wx2", "friend": "0012", "name": "", "from": ""},
	}, rows)
	require.Equal(t, []int{2, 4}, numbers)
}

func TestWorkbookSheetByName(t *testing.T) {
	rows, _, err := read(t, sheet(t, []any{"a"}), Options{Sheet: "名单"})
	require.NoError(t, err)
	require.Equal(t, []row{{"friend": "f9"}}, rows)
}

func TestLargeWorkbookIsReadFromTemporaryFiles(t *testing.T) {
	book := excelize.NewFile()
	writer, err := book.NewStreamWriter("Sheet1")
	require.NoError(t, err)
	require.NoError(t, writer.SetRow("A1", []any{"friend", "text"}))
	const rows = 40_000
	for i := range rows {
		require.NoError(t, writer.SetRow(fmt.Sprintf("A%d", i+2), []any{fmt.Sprint("f", i), strings.Repeat("好", 20)}))
	}
	require.NoError(t, writer.Flush())
	path := filepath.Join(t.TempDir(), "large.xlsx")
	require.NoError(t, book.SaveAs(path))
	require.NoError(t, book.Close())
	temporary := t.TempDir()
	t.Setenv("TMPDIR", temporary)
	got, numbers, err := read(t, path, Options{})
	require.NoError(t, err)
	require.Len(t, got, rows)
	require.Equal(t, row{"friend": "f39999", "text": strings.Repeat("好", 20)}, got[rows-1])
	require.Equal(t, rows+1, numbers[rows-1])
	left, err := os.ReadDir(temporary)
	require.NoError(t, err)
	require.Empty(t, left, "Close removes the temporary files")
}
