package folder_test

import (
	"fmt"
	"os"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"

	"youmiflow/internal/folder"
)

// campaign is a workflow of the usual size.
func campaign(i int) string {
	return fmt.Sprintf(`name: campaign-%d
params:
  audience: { type: file, default: lists/vip.csv }
triggers:
  - schedule: "%d 10 * * MON-FRI"
    timezone: Asia/Shanghai
send_window: { from: "09:00", to: "21:00" }
steps:
  - id: vips
    uses: audience.file
    with: { path: "${{ params.audience }}" }
  - id: reach
    foreach: { in: "${{ steps.vips.rows }}", as: customer, key: customer.friend, where: 'customer.tier in ["gold", "vip"]' }
    steps:
      - id: hold
        uses: takeover.apply
        with: { account: "${{ customer.account }}", friend: "${{ customer.friend }}", reason: greet }
      - uses: message.send
        with: { takeover: "${{ steps.hold.takeover }}", text: "${{ customer.name }} number %d" }
`, i, i%60, i)
}

func thousand(b *testing.B) *place {
	b.Helper()
	p := &place{root: b.TempDir()}
	require.NoError(b, os.Mkdir(p.path(""), 0o755))
	for i := range 1000 {
		require.NoError(b, os.WriteFile(p.path(fmt.Sprintf("c%04d.yaml", i)), []byte(campaign(i)), 0o644))
	}
	return p
}

func BenchmarkOpenThousand(b *testing.B) {
	p := thousand(b)
	config := p.config(b)
	var f *folder.Folder
	for b.Loop() {
		var err error
		f, err = folder.Open(b.Context(), config)
		require.NoError(b, err)
	}
	require.Len(b, f.Workflows(), 1000)
	require.Empty(b, f.Problems())
	var memory runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&memory)
	b.ReportMetric(float64(memory.HeapAlloc)/1e6, "MB")
	runtime.KeepAlive(f)
}

// BenchmarkIdleThousand is what looking through the folder costs when nothing has changed: every 10 s.
func BenchmarkIdleThousand(b *testing.B) {
	f, err := folder.Open(b.Context(), thousand(b).config(b))
	require.NoError(b, err)
	for b.Loop() {
		f.Look(b.Context())
	}
}

// BenchmarkOneOfThousand is what the change of one file costs.
func BenchmarkOneOfThousand(b *testing.B) {
	p := thousand(b)
	f, err := folder.Open(b.Context(), p.config(b))
	require.NoError(b, err)
	n := 0
	for b.Loop() {
		n++
		require.NoError(b, os.WriteFile(p.path("c0500.yaml"), []byte(campaign(500)+fmt.Sprintf("# %d\n", n)), 0o644))
		f.Look(b.Context())
	}
	require.Equal(b, n+1, f.Snapshot().Number)
}
