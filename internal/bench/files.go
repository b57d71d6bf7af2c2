package main

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"syscall"
)

const campaign = `
name: bench
params:
  audience: { type: file, required: true }
steps:
  - id: people
    uses: audience.file
    with: { path: "${{ params.audience }}" }
  - id: reach
    foreach: { in: "${{ steps.people.rows }}", as: who, key: who.friend, concurrency: %d }
    steps:
      - uses: message.send
        with: { account: "${{ who.account }}", friend: "${{ who.friend }}", text: "${{ who.name }}，你的券已到账" }
`

const oneStep = `
name: one
steps:
  - uses: message.send
    with: { account: "135380", friend: wxid_one, text: hello }
`

// project writes a project whose connection is the stub.
func (b *bench) project(dir, workflow string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	config := fmt.Sprintf("connections:\n  default: { base_url: %q, token_url: %q, client_id: id, client_secret: secret }\n",
		b.url, b.url+"/connect/token")
	if err := os.WriteFile(filepath.Join(dir, "youmiflow.yaml"), []byte(config), 0o600); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "workflow.yaml"), []byte(workflow), 0o600)
}

// audience writes a list of so many rows over 20 accounts, once.
func (b *bench) audience(rows int) (string, error) {
	return b.list(fmt.Sprintf("audience-%d.csv", rows), "account,friend,name,tier", rows, func(w *bufio.Writer, i int) {
		fmt.Fprintf(w, "%d,wxid_%012d,客户%d,gold\n", 135380+i%20, i, i)
	})
}

// tiers writes such a list in which three rows of ten are vip, and one of so many is silver; 0: none.
func (b *bench) tiers(rows, out int) (string, error) {
	name := fmt.Sprintf("tiers-%d-%d.csv", rows, out)
	return b.list(name, "account,friend,name,tier,consultant", rows, func(w *bufio.Writer, i int) {
		tier := "gold"
		switch {
		case out > 0 && i%out == 0:
			tier = "silver"
		case i%10 < 3:
			tier = "vip"
		}
		fmt.Fprintf(w, "%d,wxid_%012d,客户%d,%s,wxid_consultant%d\n", 135380+i%20, i, i, tier, i%3)
	})
}

// list writes a file of rows, once.
func (b *bench) list(name, header string, rows int, row func(w *bufio.Writer, i int)) (string, error) {
	path := filepath.Join(b.dir, name)
	if _, err := os.Stat(path); err == nil {
		return path, nil
	}
	file, err := os.Create(path)
	if err != nil {
		return "", err
	}
	w := bufio.NewWriter(file)
	fmt.Fprintln(w, header)
	for i := range rows {
		row(w, i)
	}
	if err := w.Flush(); err != nil {
		return "", err
	}
	return path, file.Close()
}

// peak is a finished process's largest resident set, in bytes.
func peak(state *os.ProcessState) int64 {
	usage, ok := state.SysUsage().(*syscall.Rusage)
	if !ok {
		return 0
	}
	return usage.Maxrss * 1024 // Linux counts kilobytes
}

func median(values []float64) float64 {
	sort.Float64s(values)
	return values[len(values)/2]
}
