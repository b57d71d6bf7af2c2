package audience

import (
	"bytes"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/text/encoding/simplifiedchinese"
	"golang.org/x/text/encoding/unicode"
)

var update = flag.Bool("update", false, "write the golden files")

// bad is a file that must be refused.
type bad struct {
	name    string // of the case
	file    string // with the suffix that tells the format
	content string
	options Options
}

func badFiles(t *testing.T) []bad {
	gb, err := simplifiedchinese.GB18030.NewEncoder().String("account,name\nwx1,王小明\n")
	require.NoError(t, err)
	utf16, err := unicode.UTF16(unicode.LittleEndian, unicode.UseBOM).NewEncoder().String("account,name\nwx1,王\n")
	require.NoError(t, err)
	require2 := Options{Require: []string{"account", "friend"}}
	many := strings.Repeat("wx1,f1\n", sampleSize/7+10)
	long := strings.Repeat("x", maxField+1)
	return []bad{
		{name: "unknown suffix", file: "list.txt", content: "a,b\n"},
		{name: "old excel", file: "list.xls", content: "a,b\n"},
		{name: "unknown format", file: "list.csv", content: "a,b\n", options: Options{Format: "parquet"}},
		{name: "unknown encoding", file: "list.csv", content: "a,b\n", options: Options{Encoding: "latin-1"}},
		{name: "sheet of a csv", file: "list.csv", content: "a,b\n", options: Options{Sheet: "Sheet1"}},
		{name: "empty csv", file: "list.csv"},
		{name: "empty jsonl", file: "list.jsonl"},
		{name: "blank csv", file: "list.csv", content: "\n , \n\n"},
		{name: "blank jsonl", file: "list.jsonl", content: "\n \n\n"},
		{name: "only a byte order mark", file: "list.csv", content: bom},
		{name: "missing column", file: "list.csv", content: "acount,friend\nwx1,f1\n", options: require2},
		{name: "missing column in another case", file: "list.csv", content: "account,Friend\nwx1,f1\n", options: require2},
		{name: "missing column, nothing like it", file: "list.csv", content: "姓名,电话\n王,1\n", options: require2},
		{name: "missing column, semicolons", file: "list.csv", content: "account;friend\nwx1;f1\n", options: require2},
		{name: "rename of a missing column", file: "list.csv", content: "account,frend\n", options: Options{Rename: map[string]string{"friends": "friend"}}},
		{name: "rename to a name that is taken", file: "list.csv", content: "account,friend\n", options: Options{Rename: map[string]string{"account": "friend"}}},
		{name: "column without a name", file: "list.csv", content: "account, ,name\nwx1,f1,王\n"},
		{name: "column twice", file: "list.csv", content: "account,name,account \nwx1,f1,王\n"},
		{name: "carriage returns alone", file: "list.csv", content: "account,name\rwx1,王\rwx2,李\r"},
		{name: "too few cells", file: "list.csv", content: "account,name\nwx1,王\nwx2\n"},
		{name: "too many cells", file: "list.csv", content: "account,name\nwx1,王,小明\n"},
		{name: "too many cells, after a row of several lines", file: "list.csv", content: "account,name\n\"wx\n1\",王\n\nwx1,王,小明\n"},
		{name: "quote within a cell", file: "list.csv", content: "account,name\nwx1,王 \"小\" 明\n"},
		{name: "text after a quote", file: "list.csv", content: "account,name\nwx1,\"王\" 明\n"},
		{name: "quote that is not closed", file: "list.csv", content: "account,name\nwx1,\"王\nwx2,李\n"},
		{name: "quote that is not closed, long after", file: "list.csv", content: "account,name\nwx1,\"王\n" + strings.Repeat("wx2,李\n", 1<<20)},
		{name: "long cell", file: "list.csv", content: "account,name\nwx1," + long + "\n"},
		{name: "long row", file: "list.csv", content: "a,b,c,d,e\n1,2,3,4,5\n" + strings.TrimSuffix(strings.Repeat(long[1:]+",", 5), ",") + "\n"},
		{name: "NUL", file: "list.csv", content: "account,name\nwx1,王\nwx2,\x00\n"},
		{name: "UTF-16 without a mark", file: "list.csv", content: utf16[2:]},
		{name: "UTF-16 said, without a mark", file: "list.csv", content: "a,b\n", options: Options{Encoding: "utf-16"}},
		{name: "UTF-16 cut in half", file: "list.csv", content: utf16[:len(utf16)-1]},
		{name: "neither UTF-8 nor GB18030", file: "list.csv", content: "account,name\nwx1,王\nwx2,\xff\xff\n"},
		{name: "GB18030 said to be UTF-8", file: "list.csv", content: gb, options: Options{Encoding: "UTF-8"}},
		{name: "GB18030 that breaks later", file: "list.csv", content: gb + many + "\xff,1\n"},
		{name: "UTF-8 that breaks later", file: "list.csv", content: "account,name\n" + many + gb[13:]},
		{name: "UTF-8 with a mark that breaks", file: "list.csv", content: bom + "account,name\nwx1,\xff\n"},
		{name: "UTF-8 cut within a character", file: "list.csv", content: bom + "account,name\nwx1,\xe7\x8e"},
		{name: "shortened number", file: "list.csv", content: "account,friend\n135380,1.23457E+17\n"},
		{name: "shortened number in tsv", file: "list.tsv", content: "account\tfriend\n135380\tf1\n1.2E+05\tf2\n"},
		{name: "workbook named csv", file: "list.csv", content: zipStart + "\x14\x00"},
		{name: "workbook named jsonl, encoding said", file: "list.jsonl", content: zipStart, options: Options{Encoding: "gbk"}},
		{name: "old workbook named csv", file: "list.csv", content: oleStart + "\xA1\xB1\x1A\xE1\x00"},
		{name: "jsonl: no object", file: "list.jsonl", content: "{\"a\":1}\n5\n"},
		{name: "jsonl: an array", file: "list.jsonl", content: "[{\"a\":1},\n{\"a\":2}]\n"},
		{name: "jsonl: not JSON", file: "list.jsonl", content: "{\"a\":1}\n\n{a:1}\n"},
		{name: "jsonl: cut off", file: "list.jsonl", content: "{\"a\":1}\n{\"a\":\n"},
		{name: "jsonl: two on a line", file: "list.jsonl", content: "{\"a\":1} {\"a\":2}\n"},
		{name: "jsonl: name twice", file: "list.jsonl", content: "{\"a\":1,\"a\":2}\n"},
		{name: "jsonl: empty name", file: "list.jsonl", content: "{\"\":1}\n"},
		{name: "jsonl: missing column", file: "list.jsonl", content: "{\"account\":\"a\",\"friend\":\"f\"}\n{\"account\":\"a\",\"freind\":\"f\"}\n", options: require2},
		{name: "jsonl: number too long", file: "list.jsonl", content: "{\"friend\":12345678901234567890}\n"},
		{name: "jsonl: number too large", file: "list.jsonl", content: "{\"friend\":[1e999]}\n"},
		{name: "jsonl: long value", file: "list.jsonl", content: "{\"a\":1}\n{\"a\":\"" + long + "\"}\n"},
		{name: "jsonl: long line", file: "list.jsonl", content: "{\"a\":1}\n{\"a\":[" + strings.Repeat("1,", maxRow/2) + "1]}\n"},
		{name: "jsonl: NUL character", file: "list.jsonl", content: "{\"a\":\"\\u0000\"}\n"},
		{name: "jsonl: NUL byte", file: "list.jsonl", content: "{\"a\":1}\n{\"a\":\"\x00\"}\n"},
		{name: "jsonl: wrong encoding later", file: "list.jsonl", content: "{\"a\":1}\n" + strings.Repeat("{\"a\":\"好\"}\n", 7000) + "{\"a\":\"\xff\"}\n"},
	}
}

// badBooks are workbooks that must be refused.
func badBooks(t *testing.T) []bad {
	content := func(path string) string {
		b, err := os.ReadFile(path)
		require.NoError(t, err)
		return string(b)
	}
	whole := sheet(t, []any{"account", "friend"}, []any{"wx1", "f1"}, []any{"wx2", "f2"}, []any{"wx3", "f3"})
	const part = "xl/worksheets/sheet1.xml"
	changed := func(change func([]byte) []byte) string { return content(rezip(t, whole, part, change)) }
	return []bad{
		{name: "xlsx: empty", file: "list.xlsx"},
		{name: "xlsx: not a workbook", file: "list.xlsx", content: "account,friend\n"},
		{name: "xlsx: old or with a password", file: "list.xlsx", content: "\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1" + strings.Repeat("x", 600)},
		{name: "xlsx: cut off", file: "list.xlsx", content: content(whole)[:3000]},
		{name: "xlsx: no such sheet", file: "list.xlsx", content: content(whole), options: Options{Sheet: "sheet2"}},
		{name: "xlsx: encoding", file: "list.xlsx", content: content(whole), options: Options{Encoding: "gbk"}},
		{name: "xlsx: empty sheet", file: "list.xlsx", content: content(sheet(t))},
		{name: "xlsx: missing column", file: "list.xlsx", content: content(whole), options: Options{Require: []string{"name"}}},
		{name: "xlsx: column without a name", file: "list.xlsx", content: content(sheet(t, []any{"account", nil, "name"}))},
		{name: "xlsx: cell beside the list", file: "list.xlsx", content: content(sheet(t, []any{"account"}, []any{"wx1"}, []any{"wx2", nil, "?"}))},
		{name: "xlsx: formula error", file: "list.xlsx", content: content(sheet(t, []any{"account", "name"}, []any{"wx1", "#N/A"}))},
		{name: "xlsx: shortened number", file: "list.xlsx", content: content(sheet(t, []any{"account", "friend"}, []any{"wx1", 12345678901234567}))},
		{name: "xlsx: sheet breaks off", file: "list.xlsx", content: changed(func(b []byte) []byte { before, _, _ := bytes.Cut(b, []byte(`<row r="3"`)); return before })},
		{name: "xlsx: sheet stops being XML", file: "list.xlsx", content: changed(func(b []byte) []byte { return bytes.Replace(b, []byte(`<row r="3"`), []byte(`<&row r="3"`), 1) })},
		{name: "xlsx: rows out of order", file: "list.xlsx", content: changed(func(b []byte) []byte { return bytes.Replace(b, []byte(`<row r="3"`), []byte(`<row r="1"`), 1) })},
		{name: "xlsx: bomb", file: "list.xlsx", content: changed(func(b []byte) []byte { return append(b, bytes.Repeat([]byte(" "), muchUnzip)...) })},
	}
}

func TestBadFilesHaveOneClearSentence(t *testing.T) {
	golden, err := filepath.Abs(filepath.Join("testdata", "errors.golden"))
	require.NoError(t, err)
	cases := append(badFiles(t), badBooks(t)...)
	t.Chdir(t.TempDir())
	var report strings.Builder
	note := func(name string, options Options, file string) {
		_, _, err := read(t, file, options)
		var rowError *RowError
		require.ErrorAs(t, err, &rowError, name)
		require.NotContains(t, err.Error(), "\n", name)
		require.Less(t, len(err.Error()), 400, name)
		fmt.Fprintf(&report, "%s\n    %s\n", name, err)
	}
	require.NoError(t, os.Mkdir("lists.csv", 0o700))
	note("no such file", Options{}, "absent.csv")
	note("a folder", Options{}, "lists.csv")
	note("a device", Options{Format: "csv"}, os.DevNull)
	for _, c := range cases {
		require.NoError(t, os.WriteFile(c.file, []byte(c.content), 0o600))
		note(c.name, c.options, c.file)
	}
	if *update {
		require.NoError(t, os.MkdirAll(filepath.Dir(golden), 0o755))
		require.NoError(t, os.WriteFile(golden, []byte(report.String()), 0o644))
	}
	want, err := os.ReadFile(golden)
	require.NoError(t, err)
	require.Equal(t, string(want), report.String())
}

func TestNoSuchFileCanBeTold(t *testing.T) {
	_, err := Open(filepath.Join(t.TempDir(), "absent.csv"), Options{})
	require.ErrorIs(t, err, os.ErrNotExist)
}

// Whoever asks whether an error is io.EOF must not take a file that breaks off for one that ends.
func TestToBreakOffIsNotToEnd(t *testing.T) {
	for _, problem := range []*RowError{damaged("list.xlsx", io.EOF), openError("list.csv", fmt.Errorf("read: %w", io.EOF))} {
		require.NotErrorIs(t, problem, io.EOF, problem.Error())
	}
}

func TestAnErrorStays(t *testing.T) {
	reader, err := Open(write(t, "list.csv", "a,b\n1,\x002\n1,2\n"), Options{})
	require.NoError(t, err)
	_, _, first := reader.Next()
	require.Error(t, first)
	_, _, second := reader.Next()
	require.Equal(t, first, second)
	require.NoError(t, reader.Close())
	var rowError *RowError
	require.ErrorAs(t, second, &rowError)
	require.Equal(t, 2, rowError.Row)
}
