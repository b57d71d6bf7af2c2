package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

const (
	scheduled   = 1000                     // workflows
	eventSecret = "benchbenchbenchbench22" // of an address on loopback, for as long as the bench runs
	eventRate   = 2000                     // a second
	clockTicks  = 100                      // of /proc a second, on every Linux that there is
)

// served is a daemon that is being measured.
type served struct {
	command *exec.Cmd
	url     string
	ready   time.Duration
}

// serve starts a daemon over a project of workflows that each fire as schedule says, and waits until it is ready.
func (b *bench) serve(ctx context.Context, workflows int, schedule func(i int) string) (_ *served, dir string, err error) {
	if dir, err = os.MkdirTemp(b.dir, "serve-"); err != nil {
		return nil, "", err
	}
	if err := os.MkdirAll(filepath.Join(dir, "workflows"), 0o755); err != nil {
		return nil, "", err
	}
	config := "timezone: Asia/Shanghai\nserver: { events: " + eventSecret + " }\n"
	if err := os.WriteFile(filepath.Join(dir, "youmiflow.yaml"), []byte(config), 0o600); err != nil {
		return nil, "", err
	}
	for i := range workflows {
		text := fmt.Sprintf("name: w%d\ntriggers: [{ schedule: %q }]\nsteps: [{ uses: log, with: { message: hi } }]\n", i, schedule(i))
		if err := os.WriteFile(filepath.Join(dir, "workflows", fmt.Sprintf("w%d.yaml", i)), []byte(text), 0o600); err != nil {
			return nil, "", err
		}
	}
	d := &served{command: exec.CommandContext(ctx, b.binary, "serve", "--sandbox", "--listen", "127.0.0.1:0")}
	d.command.Dir = dir
	said, err := d.command.StderrPipe()
	if err != nil {
		return nil, "", err
	}
	began := time.Now()
	if err := d.command.Start(); err != nil {
		return nil, "", err
	}
	lines := bufio.NewReader(said)
	for d.url == "" {
		line, err := lines.ReadString('\n')
		if err != nil {
			return nil, "", errors.Join(fmt.Errorf("the daemon did not start: %w", err), d.stop())
		}
		if _, rest, found := strings.Cut(line, " at http://"); found {
			address, _, _ := strings.Cut(rest, ";")
			d.url, d.ready = "http://"+address, time.Since(began)
		}
	}
	go func() { _, _ = io.Copy(io.Discard, lines) }() // ends with the daemon
	return d, dir, nil
}

func (d *served) stop() error {
	return errors.Join(d.command.Process.Signal(os.Interrupt), d.command.Wait())
}

// used says how much processor time the daemon has used so far, and the memory it has now. Only Linux tells.
func (d *served) used() (time.Duration, int64, error) {
	proc := fmt.Sprintf("/proc/%d/", d.command.Process.Pid)
	stat, err := os.ReadFile(proc + "stat")
	if err != nil {
		return 0, 0, err
	}
	fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
	user, err := strconv.Atoi(fields[11])
	system, wrong := strconv.Atoi(fields[12])
	resident, last := strconv.ParseInt(fields[21], 10, 64)
	return time.Duration(user+system) * time.Second / clockTicks, resident * int64(os.Getpagesize()), errors.Join(err, wrong, last)
}

// serveIdle measures a daemon that has nothing to do.
func (b *bench) serveIdle(ctx context.Context) error {
	const watched = 20 * time.Second
	d, _, err := b.serve(ctx, scheduled, func(i int) string { return fmt.Sprintf("%d %d 1 1 *", i%60, i/60) })
	if err != nil {
		return err
	}
	time.Sleep(2 * time.Second) // what starting leaves to do
	before, _, err := d.used()
	if err != nil {
		return errors.Join(err, d.stop())
	}
	time.Sleep(watched)
	after, memory, err := d.used()
	if err = errors.Join(err, d.stop()); err != nil {
		return err
	}
	fmt.Printf("serve-idle: %d scheduled workflows, ready after %d ms, %d MB, %.2f %% of a core over %s\n", scheduled, d.ready.Milliseconds(), memory>>20,
		100*(after-before).Seconds()/watched.Seconds(), watched)
	return nil
}

// serveFires measures how long after its instant a run starts, with so many fires spread over a minute.
func (b *bench) serveFires(ctx context.Context) error {
	d, dir, err := b.serve(ctx, scheduled, func(i int) string { return fmt.Sprintf("%d * * * * *", i%60) })
	if err != nil {
		return err
	}
	time.Sleep(62 * time.Second)
	if err := d.stop(); err != nil {
		return err
	}
	list := exec.CommandContext(ctx, b.binary, "runs", "list", "--output", "json", "--limit", "100000")
	list.Dir = dir
	text, err := list.Output()
	if err != nil {
		return err
	}
	var runs []struct {
		ScheduledAt time.Time  `json:"scheduled_at"`
		StartedAt   *time.Time `json:"started_at"`
	}
	if err := json.Unmarshal(text, &runs); err != nil {
		return err
	}
	var late []float64
	for _, run := range runs {
		if run.StartedAt != nil {
			late = append(late, float64(run.StartedAt.Sub(run.ScheduledAt).Microseconds())/1000)
		}
	}
	if len(late) == 0 {
		return fmt.Errorf("nothing fired")
	}
	slices.Sort(late)
	fmt.Printf("serve-fires: %d fires within a minute, started after p50 %.0f ms, p99 %.0f ms, at most %.0f ms\n", len(late), late[len(late)/2],
		late[len(late)*99/100], late[len(late)-1])
	return nil
}

// serveEvents measures how many events are acknowledged, which they are once they are durable.
func (b *bench) serveEvents(ctx context.Context) error {
	const lasts = 5 * time.Second
	d, _, err := b.serve(ctx, 1, func(int) string { return "0 0 1 1 *" })
	if err != nil {
		return err
	}
	const workers = 64
	client := http.Client{Timeout: 30 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: workers}}
	var accepted, refused atomic.Int64
	var posting sync.WaitGroup
	due := make(chan int, eventRate)
	for range workers {
		posting.Go(func() {
			for i := range due {
				body := fmt.Sprintf(`{"Type":4,"MsgTime":%d,"Values":{"ad_wechat_id":%d,"ad_friend_wenober":"wxid_%d","ad_chatting_content":"hi"}}`, i, i%20, i)
				if postEvent(ctx, &client, d.url+"/events/"+eventSecret, body) {
					accepted.Add(1)
				} else {
					refused.Add(1)
				}
			}
		})
	}
	began, sent := time.Now(), 0
	for tick := time.NewTicker(10 * time.Millisecond); time.Since(began) < lasts; <-tick.C {
		for ; sent < int(time.Since(began).Seconds()*eventRate); sent++ {
			due <- sent
		}
	}
	close(due)
	posting.Wait()
	took := time.Since(began)
	err = d.stop()
	fmt.Printf("serve-events: %d posted at %d/s, %d acknowledged once durable (%.0f/s), %d not\n", sent, eventRate, accepted.Load(),
		float64(accepted.Load())/took.Seconds(), refused.Load())
	return err
}

func postEvent(ctx context.Context, client *http.Client, url, body string) bool {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, url, strings.NewReader(body))
	if err != nil {
		return false
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := client.Do(request)
	if err != nil {
		return false
	}
	defer response.Body.Close()
	_, err = io.Copy(io.Discard, response.Body)
	return err == nil && response.StatusCode < 300
}
