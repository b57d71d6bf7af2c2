package audience

import (
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// BenchmarkRows reads 100,000 rows of five columns.
func BenchmarkRows(b *testing.B) {
	const rows = 100_000
	var csv, jsonl strings.Builder
	csv.WriteString("account,friend,name,tier,consultant\n")
	for i := range rows {
		fmt.Fprintf(&csv, "wxid_%d,friend_%d,王小明%d,gold,sun_%d\n", i%20, i, i, i%7)
		fmt.Fprintf(&jsonl, "{\"account\":\"wxid_%d\",\"friend\":\"friend_%d\",\"name\":\"王小明%d\",\"tier\":\"gold\",\"consultant\":%d}\n", i%20, i, i, i%7)
	}
	for name, content := range map[string]string{"list.csv": csv.String(), "list.jsonl": jsonl.String()} {
		path := write(b, name, content)
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				reader, err := Open(path, Options{})
				require.NoError(b, err)
				n := 0
				for ; err == nil; n++ {
					_, _, err = reader.Next()
				}
				require.Equal(b, io.EOF, err)
				require.Equal(b, rows, n-1)
				require.NoError(b, reader.Close())
			}
			b.ReportMetric(float64(rows)*float64(b.N)/b.Elapsed().Seconds(), "rows/s")
		})
	}
}
