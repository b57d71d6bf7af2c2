package sandbox

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"syscall"
	"time"
)

// EventCounts counts pushed events. Waiting is what is still to be pushed.
type EventCounts struct {
	Queued       int `json:"queued"`
	Waiting      int `json:"waiting"`
	Acknowledged int `json:"acknowledged"` // answered 2xx; a duplicate counts too
	Failed       int `json:"failed"`       // given up
	Lost         int `json:"lost"`         // by a fault
	Dropped      int `json:"dropped"`      // for want of room
	Duplicated   int `json:"duplicated"`
	Reordered    int `json:"reordered"`
}

// What no page says of pushed events is chosen here.
const (
	pushLanes   = 16   // events of one conversation keep their order, others need not wait
	pushQueue   = 4096 // of each lane; beyond it events are dropped and counted
	pushTries   = 6
	pushPause   = 100 * time.Millisecond // before the second try; doubled each time
	pushTimeout = 10 * time.Second
	reorderWait = 50 * time.Millisecond // how long an event that is held back waits for a next one
)

// push is one event on its way to one address.
type push struct {
	url, media    string
	body          []byte
	account, lane string
}

// pusher pushes events, to this machine only. Its goroutines start with the first event.
type pusher struct {
	judge func(push) verdict

	mu     sync.Mutex
	closed bool
	lanes  []chan push
	cancel context.CancelFunc
	client *http.Client
	count  EventCounts
	work   sync.WaitGroup
}

func newPusher(judge func(push) verdict) *pusher { return &pusher{judge: judge} }

// judgeEvent asks the faults in force about an event.
func (s *Sandbox) judgeEvent(p push) verdict {
	faults := s.faults.Load()
	if len(faults.rules) == 0 {
		return verdict{}
	}
	return faults.judge(eventOperation, p.account, p.body)
}

// push queues an event, or drops it when its lane is full.
func (p *pusher) push(event push) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return
	}
	p.start()
	hash := fnv.New32a()
	_, _ = hash.Write([]byte(event.lane)) // never fails
	select {
	case p.lanes[hash.Sum32()%pushLanes] <- event:
		p.count.Queued++
		p.count.Waiting++
	default:
		p.count.Dropped++
	}
}

// start begins to work. The caller holds the lock.
func (p *pusher) start() {
	if p.lanes != nil {
		return
	}
	ctx, cancel := context.WithCancel(context.Background())
	p.cancel, p.client = cancel, loopbackClient()
	for range pushLanes {
		lane := make(chan push, pushQueue)
		p.lanes = append(p.lanes, lane)
		p.work.Go(func() { p.run(ctx, lane) })
	}
}

// loopbackClient connects to this machine only, whatever a name resolves to.
func loopbackClient() *http.Client {
	dialer := &net.Dialer{Timeout: time.Second, Control: func(_, address string, _ syscall.RawConn) error {
		if to, err := netip.ParseAddrPort(address); err != nil || !to.Addr().Unmap().IsLoopback() {
			return fmt.Errorf("%s is not this machine: the sandbox pushes nowhere else", address)
		}
		return nil
	}}
	return &http.Client{
		Transport:     &http.Transport{DialContext: dialer.DialContext, MaxIdleConnsPerHost: pushLanes, IdleConnTimeout: 10 * time.Second},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Timeout:       pushTimeout,
	}
}

func (p *pusher) drop() { p.note(func(c *EventCounts) { c.Dropped++ }) }

func (p *pusher) note(change func(*EventCounts)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	change(&p.count)
}

func (p *pusher) counts() EventCounts {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.count
}

// close stops pushing and waits for it. What was not pushed is lost, as the events of a platform that is down are.
func (p *pusher) close() {
	p.mu.Lock()
	p.closed = true
	cancel := p.cancel
	p.mu.Unlock()
	if cancel == nil {
		return
	}
	cancel()
	p.work.Wait()
	p.client.CloseIdleConnections()
}

// run pushes the events of a lane, one behind the other. One that a fault holds back follows the next.
func (p *pusher) run(ctx context.Context, lane <-chan push) {
	var held []func()
	timer := time.NewTimer(reorderWait)
	timer.Stop()
	defer timer.Stop()
	release := func() {
		for _, send := range held {
			send()
		}
		held = nil
	}
	for {
		select {
		case event := <-lane:
			v := p.judge(event)
			if v.fault.Kind == KindLoseBefore {
				p.note(func(c *EventCounts) { c.Lost++; c.Waiting-- })
				continue
			}
			if pause(ctx, v.delay) != nil {
				return
			}
			send := func() { p.deliver(ctx, event, v.duplicate) }
			if v.reorder && held == nil {
				p.note(func(c *EventCounts) { c.Reordered++ })
				held = append(held, send)
				timer.Reset(reorderWait)
				continue
			}
			send()
			release()
		case <-timer.C:
			release()
		case <-ctx.Done():
			return
		}
	}
}

// deliver posts an event until it is acknowledged or given up, and once more when it is to be a duplicate.
func (p *pusher) deliver(ctx context.Context, event push, twice bool) {
	defer p.note(func(c *EventCounts) { c.Waiting-- })
	if twice {
		p.note(func(c *EventCounts) { c.Duplicated++ })
		p.try(ctx, event)
	}
	p.try(ctx, event)
}

func (p *pusher) try(ctx context.Context, event push) {
	wait := pushPause
	for range pushTries {
		if p.post(ctx, event) == nil {
			p.note(func(c *EventCounts) { c.Acknowledged++ })
			return
		}
		if pause(ctx, wait) != nil {
			return
		}
		wait *= 2
	}
	p.note(func(c *EventCounts) { c.Failed++ })
}

func (p *pusher) post(ctx context.Context, event push) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, event.url, bytes.NewReader(event.body))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", event.media)
	answer, err := p.client.Do(request)
	if err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, io.LimitReader(answer.Body, maxBody))
	if err = errors.Join(err, answer.Body.Close()); err == nil && answer.StatusCode/100 != 2 {
		err = fmt.Errorf("HTTP %d", answer.StatusCode)
	}
	return err
}
