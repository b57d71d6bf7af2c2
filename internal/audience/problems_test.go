package audience

import (
	"archive/zip"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/text/encoding/simplifiedchinese"
)

// readAll reads to the end, past rows that are merely bad.
func readAll(t *testing.T, path string, options Options) (rows []row, problems []string) {
	t.Helper()
	reader, err := Open(path, options)
	require.NoError(t, err)
	defer func() { require.NoError(t, reader.Close()) }()
	for {
		row, _, err := reader.Next()
		if err == io.EOF {
			return rows, problems
		}
		if err == nil {
			rows = append(rows, row)
			continue
		}
		problem, ok := errors.AsType[*RowError](err)
		require.True(t, ok && problem.Continues, "%v", err)
		problems = append(problems, fmt.Sprintf("%d %s: %s [%s]", problem.Row, problem.Column, problem.Problem, problem.Value))
	}
}

func TestABadRowDoesNotHideTheOthers(t *testing.T) {
	filled := Options{Filled: []string{"friend"}}
	gb, err := simplifiedchinese.GB18030.NewEncoder().String("account,friend\n小王,小李\n")
	require.NoError(t, err)
	for name, test := range map[string]struct {
		file, content string
		options       Options
		rows          int
		problems      []string
	}{
		"cells": {"l.csv", "account,friend\na\nb,f2\nc,f3,x\nd,f4\n", Options{}, 2, []string{
			"2 : the row has 1 cell where the header has 2 [a]", "4 : the row has 3 cells where the header has 2 [c,f3,x]"}},
		"all of one row": {"l.csv", "account,friend,n\n1.5E+10,,2.5E+11\nb,f,1\n", filled, 1, []string{
			"2 account: the cell holds a number that Excel has shortened, 1.5E+10 [1.5E+10]",
			"2 n: the cell holds a number that Excel has shortened, 2.5E+11 [2.5E+11]", "2 friend: empty []"}},
		"quotes": {"l.csv", "account,friend\na\"b,f1\nb,f2\n\"x\"y,f3\nd,f4\n", Options{}, 2, []string{
			`2 : there is a quote (") in the middle of a cell []`,
			`4 : a cell that opens with a quote (") is not closed, or goes on after its closing quote []`}},
		"UTF-8": {"l.csv", "account,friend\n王,李\xff\n王,李\n\xff\xff,f\n王,李\n" + strings.Repeat("王,李\n", 20), Options{}, 22, []string{
			"2 : the text is not UTF-8 here, although the file is elsewhere [王,李?]",
			"4 : the text is not UTF-8 here, although the file is elsewhere [??,f]"}},
		"UTF-8, a row of several lines": {"l.csv", "account,friend\n\"a\nb\xff\",f\nb,f\n", Options{Encoding: "utf-8"}, 1, []string{
			"2 : the text is not UTF-8 here, as it was said to be (on line 3) [a\nb?,f]"}},
		"GB18030": {"l.csv", gb + "\xff,f\n" + strings.Repeat(strings.SplitAfter(gb, "\n")[1], 20), Options{}, 21, []string{
			"3 : the text is not GB18030 here, although the file is elsewhere [\uFFFD,f]"}},
		"ASCII": {"l.csv", "account,friend\n" + strings.Repeat("a,f\n", 20) + "\xff,f\n", Options{}, 20, []string{
			"22 : the text is not UTF-8 here, although the file is elsewhere [?,f]"}},
		"jsonl": {"l.jsonl", "{\"friend\":\"f\"}\n{\"friend\":\"\"}\n{\"x\":1}\n5\n{\n{\"friend\":7}\n", filled, 2, []string{
			"2 friend: empty []", "3 friend: there is no such column []", "4 : the line is no JSON object [5]",
			"5 : the line is not valid JSON: it ends too early [{]"}},
		"jsonl, the first": {"l.jsonl", "{\"friend\":null}\n{\"friend\":\"f\"}\n", filled, 1, []string{"1 friend: empty []"}},
	} {
		t.Run(name, func(t *testing.T) {
			rows, problems := readAll(t, write(t, test.file, test.content), test.options)
			require.Equal(t, test.problems, problems)
			require.Len(t, rows, test.rows)
		})
	}
	rows, problems := readAll(t, sheet(t, []any{"account", "friend"}, []any{"#N/A", ""}, []any{"a", "f"}, []any{"a", "f", "x"}, []any{"b"}), filled)
	require.Equal(t, []string{"2 account: the cell shows the error #N/A [#N/A]", "2 friend: empty []",
		"4 column 3: there is a value right of the last named column [x]", "5 friend: empty []"}, problems)
	require.Len(t, rows, 1)
}

// A list with a problem in every row is read in the memory of one row.
func TestProblemsAreNotGathered(t *testing.T) {
	const rows = 200_000
	path := write(t, "l.csv", "account,friend\n"+strings.Repeat("王,\xff\n", rows))
	reader, err := Open(path, Options{Encoding: "utf-8"})
	require.NoError(t, err)
	before := heap()
	count := 0
	for {
		_, _, err := reader.Next()
		if err == io.EOF {
			break
		}
		require.Error(t, err)
		count++
	}
	require.Equal(t, rows, count)
	require.Less(t, heap(), before+8<<20)
	require.NoError(t, reader.Close())
}

func heap() uint64 {
	runtime.GC()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return stats.HeapAlloc
}

// book writes a workbook of the parts that excelize needs, with one replaced.
func book(t *testing.T, part string, content io.Reader) string {
	t.Helper()
	archive, err := zip.OpenReader(sheet(t, []any{"account", "friend"}, []any{"a", "f"}))
	require.NoError(t, err)
	path := filepath.Join(t.TempDir(), "bomb.xlsx")
	out, err := os.Create(path)
	require.NoError(t, err)
	writer := zip.NewWriter(out)
	for _, file := range archive.File {
		w, err := writer.Create(file.Name)
		require.NoError(t, err)
		from := content
		if file.Name != part {
			reader, err := file.Open()
			require.NoError(t, err)
			from = reader
		}
		_, err = io.Copy(w, from)
		require.NoError(t, err)
	}
	require.NoError(t, archive.Close())
	require.NoError(t, writer.Close())
	require.NoError(t, out.Close())
	return path
}

// Workbooks that are made to exhaust whoever reads them are refused, without much memory.
func TestWorkbookBombsAreRefused(t *testing.T) {
	const head = `<?xml version="1.0"?><worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>`
	// Each is within the bounds of the archive: what is in it is the bomb.
	for name, test := range map[string]struct {
		part, start, repeated string
		times                 int
		end, problem          string
	}{
		"a million empty columns":        {"xl/worksheets/sheet1.xml", head + `<row r="1">`, `<c/>`, 1_000_000, `</row></sheetData></worksheet>`, "more than 16384 cells"},
		"rows that end far to the right": {"xl/worksheets/sheet1.xml", head, `<row><c r="$xFd1"/></row>`, 20_000, `</sheetData></worksheet>`, "most of them empty"},
		"a row far away":                 {"xl/worksheets/sheet1.xml", head, `<row r="2147483647"><c t="inlineStr"><is><t>a</t></is></c></row>`, 1, `</sheetData></worksheet>`, "there is a row 2147483647"},
		"nested elements":                {"xl/worksheets/sheet1.xml", head, `<a>`, 1_000_000, ``, "nested more than 100 deep"},
		"one long text":                  {"xl/sharedStrings.xml", `<sst><si><t>`, `aaaaaaaaaaaaaaaa`, 1_000_000, `</t></si></sst>`, "longer than 8 MiB"},
		"styles":                         {"xl/styles.xml", `<styleSheet><cellXfs>`, `<xf/>`, 1_000_000, `</cellXfs></styleSheet>`, "more than 200000 elements"},
		"entities": {"xl/worksheets/sheet1.xml", `<!DOCTYPE a [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">]>` + head, `<row r="1"><c t="inlineStr"><is><t>&b;</t></is></c></row>`, 1,
			`</sheetData></worksheet>`, "DOCTYPE"},
		"an entity": {"xl/worksheets/sheet1.xml", head, `<row r="1"><c t="inlineStr"><is><t>&b;</t></is></c></row>`, 1, `</sheetData></worksheet>`, "invalid character entity"},
	} {
		t.Run(name, func(t *testing.T) {
			content := io.MultiReader(strings.NewReader(test.start), strings.NewReader(strings.Repeat(test.repeated, test.times)), strings.NewReader(test.end))
			path := book(t, test.part, content)
			var before, after runtime.MemStats
			runtime.GC()
			runtime.ReadMemStats(&before)
			_, err := Open(path, Options{})
			runtime.ReadMemStats(&after)
			require.ErrorContains(t, err, test.problem)
			require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(128<<20), "of memory, all in all")
		})
	}
}

func TestZipBombIsRefusedBeforeItIsUnpacked(t *testing.T) {
	path := book(t, "xl/worksheets/sheet1.xml", bytes.NewReader(make([]byte, muchUnzip+1)))
	_, err := Open(path, Options{})
	require.ErrorContains(t, err, "200 times its size")
}
