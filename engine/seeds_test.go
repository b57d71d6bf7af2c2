package engine_test

import (
	"fmt"
	"testing"
	"time"
)

// eachSeed draws n cases, and a quarter of them where a quick run is asked for. The name of each is its seed.
func eachSeed(t *testing.T, n int, check func(t *testing.T, seed uint64)) {
	t.Helper()
	if testing.Short() {
		n = (n + 3) / 4
	}
	first := uint64(time.Now().UnixNano()) % 1_000_000
	for seed := first; seed < first+uint64(n); seed++ {
		t.Run(fmt.Sprintf("seed=%d", seed), func(t *testing.T) { check(t, seed) })
	}
}
