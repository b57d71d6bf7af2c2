package audience

import (
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

type row = map[string]any

// write puts content into a file of a fresh folder.
func write(t testing.TB, name, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
	return path
}

// read reads all rows with their numbers.
func read(t testing.TB, path string, options Options) (rows []row, numbers []int, err error) {
	t.Helper()
	reader, err := Open(path, options)
	if err != nil {
		return nil, nil, err
	}
	defer func() { require.NoError(t, reader.Close()) }()
	for {
		row, number, err := reader.Next()
		if err == io.EOF {
			return rows, numbers, nil
		}
		if err != nil {
			return rows, numbers, err
		}
		rows, numbers = append(rows, row), append(numbers, number)
	}
}

func TestCSVRows(t *testing.T) {
	path := write(t, "list.csv", "\xEF\xBB\xBF account , friend,name\r\nwx1, f1 ,王小明\r\n\r\n\"wx\"\"2\",f2,\"two\nlines\"\r\n,,\r\nwx3,,　李\r\n")
	rows, numbers, err := read(t, path, Options{})
	require.NoError(t, err)
	require.Equal(t, []row{
		{"account": "wx1", "friend": "f1", "name": "王小明"},
		{"account": `wx"2`, "friend": "f2", "name": "two\nlines"},
		{"account": "wx3", "friend": "", "name": "　李"},
	}, rows)
	require.Equal(t, []int{2, 4, 7}, numbers)
}

func TestHeaderOnlyIsNoRows(t *testing.T) {
	rows, _, err := read(t, write(t, "list.csv", "account,friend\n"), Options{Require: []string{"friend"}})
	require.NoError(t, err)
	require.Empty(t, rows)
}

func TestJSONLRows(t *testing.T) {
	path := write(t, "list.jsonl", "{\"b\": 1, \"a\": 9007199254740993, \"c\": 1.5, \"d\": 3.0, \"e\": null}\n\n{\"b\": [1, {\"x\": 2}], \"a\": \"友\"}")
	rows, numbers, err := read(t, path, Options{Rename: map[string]string{"b": "B"}, Require: []string{"B", "a"}})
	require.NoError(t, err)
	require.Equal(t, []row{
		{"B": 1, "a": 9007199254740993, "c": 1.5, "d": 3, "e": nil},
		{"B": []any{1, row{"x": 2}}, "a": "友"},
	}, rows)
	require.Equal(t, []int{1, 3}, numbers)
}

func TestColumnsAreInFileOrder(t *testing.T) {
	for name, content := range map[string]string{"list.csv": "b,a,c\n1,2,3\n", "list.tsv": "b\ta\tc\n", "list.jsonl": `{"b":1,"a":2,"c":3}`} {
		reader, err := Open(write(t, name, content), Options{Rename: map[string]string{"a": "z"}})
		require.NoError(t, err)
		require.Equal(t, []string{"b", "z", "c"}, reader.Columns())
		require.NoError(t, reader.Close())
		require.NoError(t, reader.Close())
		_, _, err = reader.Next()
		require.ErrorIs(t, err, errClosed)
	}
}
