package main

import (
	"bytes"
	"os"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestListInTheRepositoryIsFresh(t *testing.T) {
	var made bytes.Buffer
	require.NoError(t, write(&made, audience()))
	kept, err := os.ReadFile("../audience.csv")
	require.NoError(t, err)
	require.True(t, bytes.Equal(kept, made.Bytes()), "audience.csv is not what the generator makes: run go run ./examples/double11/generate > examples/double11/audience.csv")
}

// The README of the example promises these numbers.
func TestCounts(t *testing.T) {
	tiers, friends, used := map[string]int{}, map[string]int{}, map[int]bool{}
	again, lost := 0, 0
	for _, row := range audience() {
		used[row.account] = true
		switch {
		case row.friend == "":
			lost++
			require.NotEqual(t, "silver", row.tier)
		case friends[row.friend] > 0:
			again++
			require.NotEqual(t, "silver", row.tier)
		default:
			tiers[row.tier]++
		}
		friends[row.friend]++
	}
	require.Len(t, audience(), 2000)
	require.Equal(t, map[string]int{"silver": 440, "gold": 1200, "vip": 300}, tiers)
	require.Equal(t, 37, again)
	require.Equal(t, 23, lost)
	require.Len(t, used, 20)
	require.Contains(t, used, 135380)
	require.Contains(t, used, 135399)
}
