package sheet

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/xuri/excelize/v2"
)

func TestCSVIsWhatExcelReads(t *testing.T) {
	path := filepath.Join(t.TempDir(), "new", "folder", "t.csv")
	w, err := Create(path, "row", "value")
	require.NoError(t, err)
	for i, cell := range []string{"王小明", `=cmd|'/C calc'!A0`, "+1", "-1", "@SUM(A1)", "\t=1", "a \"b\", c\nd", ""} {
		require.NoError(t, w.Row(fmt.Sprint(i), cell))
	}
	require.Equal(t, 8, w.Rows())
	require.NoFileExists(t, path, "whole or not at all")
	require.NoError(t, w.End())
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, "\uFEFFrow,value\r\n0,王小明\r\n1,'=cmd|'/C calc'!A0\r\n2,'+1\r\n3,'-1\r\n4,'@SUM(A1)\r\n5,'\t=1\r\n6,\"a \"\"b\"\", c\r\nd\"\r\n7,\r\n", string(text))
	alone(t, path)
}

func alone(t *testing.T, path string) {
	t.Helper()
	entries, err := os.ReadDir(filepath.Dir(path))
	require.NoError(t, err)
	require.Len(t, entries, 1, "nothing is left beside it")
}

func TestWorkbookHoldsTextsAsTheyAre(t *testing.T) {
	path := filepath.Join(t.TempDir(), "t.xlsx")
	w, err := Create(path, "key", "reason")
	require.NoError(t, err)
	require.NoError(t, w.Row("0012", "=1+1"))
	require.NoError(t, w.Row("友😀", strings.Repeat("好", 40_000)))
	require.NoError(t, w.End())
	require.NoError(t, w.End(), "once is enough")
	book, err := excelize.OpenFile(path)
	require.NoError(t, err)
	rows, err := book.GetRows("Sheet1")
	require.NoError(t, err)
	require.Equal(t, []string{"key", "reason"}, rows[0])
	require.Equal(t, []string{"0012", "=1+1"}, rows[1])
	require.Equal(t, "友😀", rows[2][0])
	require.Less(t, len([]rune(rows[2][1])), 32_768)
	formula, err := book.GetCellFormula("Sheet1", "B2")
	require.NoError(t, err)
	require.Empty(t, formula)
	require.NoError(t, book.Close())
	alone(t, path)
}

func TestNothingIsLeftOfWhatFails(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "t.csv")
	require.NoError(t, os.WriteFile(path, []byte("before"), 0o600))
	w, err := Create(path, "a", "b")
	require.NoError(t, err)
	require.Error(t, w.Row("only one"))
	require.NoError(t, w.Abandon())
	require.NoError(t, w.Abandon())
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, "before", string(text))
	alone(t, path)
	_, err = Create(filepath.Join(dir, "t.pdf"), "a")
	require.ErrorContains(t, err, ".csv or an .xlsx")
	_, err = Create(filepath.Join(path, "t.csv"), "a")
	require.ErrorContains(t, err, "making the folder")
}

func TestMemoryIsFlat(t *testing.T) {
	for _, suffix := range []string{".csv", ".xlsx"} {
		w, err := Create(filepath.Join(t.TempDir(), "t"+suffix), "key", "reason")
		require.NoError(t, err)
		most := uint64(0)
		for i := range 200_000 {
			require.NoError(t, w.Row(fmt.Sprint("friend-", i), "where is false"))
			if i%50_000 == 0 {
				var stats runtime.MemStats
				runtime.GC()
				runtime.ReadMemStats(&stats)
				most = max(most, stats.HeapAlloc)
			}
		}
		require.Less(t, most, uint64(64<<20), suffix)
		require.NoError(t, w.End())
	}
}
