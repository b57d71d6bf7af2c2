package web

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"
)

const (
	// maxStreams bounds how many clients watch runs at a time: each costs a look into the ledger, again and again.
	maxStreams = 64
	// lookEvery is how often a run that is watched is looked at.
	lookEvery = 300 * time.Millisecond
	// heartbeatEvery is how long a stream is silent at the most, so that nobody between takes it for dead.
	heartbeatEvery = 15 * time.Second
	// streamWrite bounds one write to a client that does not read.
	streamWrite = 10 * time.Second
)

// watchRun sends the run as it is, whole, at once and after every change, until it is over. The id of an event tells the
// state that it shows: who comes again with it as Last-Event-ID hears of the next change only.
func (s *Server) watchRun(w http.ResponseWriter, r *request) error {
	if s.streams.Add(1) > maxStreams {
		s.streams.Add(-1)
		w.Header().Set("Retry-After", "5")
		return refuse(codeUnavailable, fmt.Sprintf("%d clients watch runs already: try again", maxStreams))
	}
	defer s.streams.Add(-1)
	run, err := s.run(r)
	if err != nil {
		return err
	}
	out, err := newStream(w)
	if err != nil {
		return err
	}
	err = s.follow(r.Context(), out, run.ID, r.Header.Get("Last-Event-ID"))
	if err != nil && r.Context().Err() == nil && !errors.Is(err, errGone) {
		s.config.Logger.WarnContext(r.Context(), "watching a run", "run", run.ID, "error", err)
	}
	return nil // the answer has begun: nothing else can be said
}

// errGone says that a client does not read any more.
var errGone = errors.New("the client is gone")

// follow sends states of a run until it is over, or the client or the daemon is gone.
func (s *Server) follow(ctx context.Context, out *stream, id, seen string) error {
	look, beat := time.NewTicker(lookEvery), time.NewTicker(heartbeatEvery)
	defer look.Stop()
	defer beat.Stop()
	for {
		run, err := s.config.Ledger.Run(ctx, id)
		if err != nil {
			return err
		}
		shown, err := s.show(ctx, run)
		if err != nil {
			return err
		}
		text, err := json.Marshal(shown)
		if err != nil {
			return err
		}
		if state := digestOf(text); state != seen {
			if err := out.event("run", state, text); err != nil {
				return err
			}
			seen = state
			beat.Reset(heartbeatEvery)
		}
		if run.Status.Over() {
			return out.event("end", seen, []byte("{}"))
		}
		if err := wait(ctx, look.C, beat.C, out); err != nil {
			return err
		}
	}
}

// wait returns when it is time to look again, and keeps the client in touch meanwhile.
func wait(ctx context.Context, look, beat <-chan time.Time, out *stream) error {
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-look:
			return nil
		case <-beat:
			if err := out.comment("still here"); err != nil {
				return err
			}
		}
	}
}

func digestOf(text []byte) string {
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:8])
}

// stream writes server-sent events.
type stream struct {
	w       http.ResponseWriter
	control *http.ResponseController
}

// newStream begins an answer that goes on for as long as it takes.
func newStream(w http.ResponseWriter) (*stream, error) {
	s := &stream{w: w, control: http.NewResponseController(w)}
	if err := s.control.SetReadDeadline(time.Time{}); err != nil {
		return nil, fmt.Errorf("lifting the time limit of a stream: %w", err)
	}
	head(w, "text/event-stream")
	w.Header().Set("X-Accel-Buffering", "no") // a proxy that gathers would hold events back
	w.WriteHeader(http.StatusOK)
	return s, s.send([]byte("retry: 1000\n\n"))
}

func (s *stream) event(name, id string, data []byte) error {
	var b bytes.Buffer
	fmt.Fprintf(&b, "event: %s\nid: %s\ndata: %s\n\n", name, id, data) // JSON has no line breaks
	return s.send(b.Bytes())
}

func (s *stream) comment(text string) error { return s.send([]byte(": " + text + "\n\n")) }

func (s *stream) send(text []byte) error {
	err := s.control.SetWriteDeadline(time.Now().Add(streamWrite))
	if err == nil {
		_, err = s.w.Write(text)
	}
	if err == nil {
		err = s.control.Flush()
	}
	if err != nil {
		return fmt.Errorf("%w: %w", errGone, err)
	}
	return nil
}
