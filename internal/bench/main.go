// Command bench measures youmiflow beside a plain program that keeps no record, in one sitting, against a stub on
// loopback that answers at once. It prints figures and judges nothing. It imports the standard library only; `make
// bench` runs it.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

func main() {
	binary := flag.String("youmiflow", "", "the youmiflow binary to measure")
	rows := flag.Int("rows", 100_000, "recipients")
	flight := flag.Int("in-flight", 64, "calls in flight")
	rounds := flag.Int("rounds", 3, "how often each is measured, in turn")
	parts := flag.String("parts", "throughput,memory,start,plan,serve-idle,serve-fires,serve-events", "what to measure")
	role := flag.String("role", "", "used by the bench itself: stub or plain")
	file := flag.String("file", "", "with -role plain: the audience")
	url := flag.String("url", "", "with -role plain: where to post")
	flag.Parse()
	ctx := context.Background()
	var err error
	switch *role {
	case "stub":
		err = stub(ctx)
	case "plain":
		err = plain(ctx, *file, *url, *flight)
	default:
		b := bench{binary: *binary, rows: *rows, flight: *flight, rounds: *rounds}
		err = b.run(ctx, strings.Split(*parts, ","))
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

type bench struct {
	binary       string
	rows, flight int
	rounds       int
	dir, url     string
}

func (b *bench) run(ctx context.Context, parts []string) (err error) {
	if b.binary == "" {
		return fmt.Errorf("-youmiflow: name the binary to measure")
	}
	if b.binary, err = filepath.Abs(b.binary); err != nil {
		return err
	}
	if b.dir, err = os.MkdirTemp("", "youmiflow-bench-"); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(b.dir)) }()
	stop, err := b.startStub(ctx)
	if err != nil {
		return err
	}
	defer stop()
	for _, part := range parts {
		measure := map[string]func(context.Context) error{"throughput": b.throughput, "memory": b.memory, "start": b.start, "plan": b.plan,
			"serve-idle": b.serveIdle, "serve-fires": b.serveFires, "serve-events": b.serveEvents}[part]
		if measure == nil {
			return fmt.Errorf("-parts %s: throughput, memory, start, plan, serve-idle, serve-fires or serve-events", part)
		}
		if err := measure(ctx); err != nil {
			return fmt.Errorf("%s: %w", part, err)
		}
	}
	return nil
}

// startStub runs the stub as a process of its own, so that its work counts for nobody.
func (b *bench) startStub(ctx context.Context) (func(), error) {
	command := exec.CommandContext(ctx, os.Args[0], "-role", "stub")
	out, err := command.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := command.Start(); err != nil {
		return nil, err
	}
	line := make([]byte, 100)
	n, err := out.Read(line)
	if err != nil {
		return nil, err
	}
	b.url = strings.TrimSpace(string(line[:n]))
	return func() { _ = command.Process.Kill(); _ = command.Wait() }, nil
}

// throughput measures both programs in turn.
func (b *bench) throughput(ctx context.Context) error {
	file, err := b.audience(b.rows)
	if err != nil {
		return err
	}
	fmt.Printf("throughput: %d recipients, one text each, %d in flight, no limit\n", b.rows, b.flight)
	var ratios []float64
	for range b.rounds {
		plainTook, _, err := b.timed(ctx, "", os.Args[0], "-role", "plain", "-file", file, "-url", b.url, "-in-flight", strconv.Itoa(b.flight))
		if err != nil {
			return err
		}
		ourTook, memory, err := b.campaign(ctx, b.rows)
		if err != nil {
			return err
		}
		ratio := plainTook.Seconds() / ourTook.Seconds()
		ratios = append(ratios, ratio)
		fmt.Printf("  plain %7.0f/s   youmiflow %7.0f/s   ratio %.2f   youmiflow's peak memory %d MB\n",
			float64(b.rows)/plainTook.Seconds(), float64(b.rows)/ourTook.Seconds(), ratio, memory>>20)
	}
	fmt.Printf("  median ratio %.2f\n", median(ratios))
	return nil
}

// memory measures the peak at growing audiences.
func (b *bench) memory(ctx context.Context) error {
	fmt.Println("memory: peak by size of the audience")
	for _, rows := range []int{10_000, 100_000, 1_000_000} {
		took, memory, err := b.campaign(ctx, rows)
		if err != nil {
			return err
		}
		fmt.Printf("  %8d rows  %4d MB  %6.1f s\n", rows, memory>>20, took.Seconds())
	}
	return nil
}

// start measures a run of one step, from process start to exit, on a ledger that is there.
func (b *bench) start(ctx context.Context) error {
	dir := filepath.Join(b.dir, "one")
	if err := b.project(dir, oneStep); err != nil {
		return err
	}
	var times []float64
	for i := range 11 {
		took, _, err := b.timed(ctx, dir, b.binary, "run", "workflow.yaml", "--quiet")
		if err != nil {
			return err
		}
		if i > 0 { // the first makes the ledger
			times = append(times, float64(took.Milliseconds()))
		}
	}
	fmt.Printf("start: a run of one step on an existing ledger takes %.0f ms (median of %d)\n", median(times), len(times))
	return nil
}

// campaign runs youmiflow over so many rows, on a fresh ledger.
func (b *bench) campaign(ctx context.Context, rows int) (took time.Duration, memory int64, err error) {
	file, err := b.audience(rows)
	if err != nil {
		return 0, 0, err
	}
	dir, err := os.MkdirTemp(b.dir, "campaign-")
	if err != nil {
		return 0, 0, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	if err := b.project(dir, fmt.Sprintf(campaign, b.flight)); err != nil {
		return 0, 0, err
	}
	return b.timed(ctx, dir, b.binary, "run", "workflow.yaml", "--quiet", "--param", "audience="+file)
}

// timed runs a command and returns how long it took and its peak memory.
func (b *bench) timed(ctx context.Context, dir, name string, arguments ...string) (time.Duration, int64, error) {
	took, state, err := b.ended(ctx, dir, name, arguments...)
	if err != nil {
		return 0, 0, err
	}
	return took, peak(state), nil
}

// ended runs a command and returns how long it took, and what it has used up.
func (b *bench) ended(ctx context.Context, dir, name string, arguments ...string) (time.Duration, *os.ProcessState, error) {
	command := exec.CommandContext(ctx, name, arguments...)
	command.Dir = dir
	began := time.Now()
	out, err := command.CombinedOutput()
	took := time.Since(began)
	if err != nil {
		return 0, nil, fmt.Errorf("%s %s: %w\n%s", name, strings.Join(arguments, " "), err, out)
	}
	return took, command.ProcessState, nil
}

// stub answers at once, and knows nothing.
func stub(ctx context.Context) error {
	var config net.ListenConfig
	listener, err := config.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Printf("http://%s\n", listener.Addr())
	token := []byte(`{"access_token":"t","expires_in":86400,"token_type":"Bearer"}`)
	sent := []byte(`{"requestId":"r","errmsg":20000,"succeed":true,"msgTime":"2026-01-01T00:00:00+08:00","values":{"taskId":"t"},"errdesc":null}`)
	server := http.Server{ReadHeaderTimeout: 10 * time.Second, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		if r.URL.Path == "/connect/token" {
			_, _ = w.Write(token)
			return
		}
		_, _ = w.Write(sent)
	})}
	return server.Serve(listener)
}
