package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"

	"youmiflow/engine"
	"youmiflow/internal/events"
	"youmiflow/internal/ledger"
	"youmiflow/internal/limit"
	"youmiflow/internal/rehearsal"
	"youmiflow/steps"
)

// staging is a stage with what it takes to put it up again.
type staging struct {
	rehearsal.Stage

	house     *testHouse
	suite     *testSuite
	setting   *rehearsal.Setting
	dir, path string
	ledger    *ledger.Ledger
	receiver  *events.Receiver
}

// open opens the ledger and puts an engine over it.
func (s *staging) open(ctx context.Context) error {
	l, err := ledger.Open(ctx, s.house.ledger(s.path))
	if err != nil {
		return err
	}
	s.ledger, s.Ledger, s.Schedules, s.Backlogs = l, l, l, l
	l.SetWake(s.setting.Lanes.Wake)
	catalogue, err := steps.New(testCatalogue(s.house.app.Version, s.suite.project, s.setting, l, s.dir))
	if err != nil {
		return err
	}
	limits := s.suite.project.config.Limits
	if s.setting.Test.NoLimits {
		limits = nil
	}
	clock, logger := s.setting.Clock, s.house.app.logger()
	if trigger := s.setting.Test.Trigger; trigger != nil && trigger.Follow > 0 {
		logger = nil // what instants come to is what the test looks at
	}
	s.Engine = engine.New(s.setting.Configure(engine.Config{
		Ledger: l, Events: l, Steps: catalogue, Catalogue: catalogue, Limits: limits, Suppressed: s.suite.suppression.has,
		Limiter: limit.New(limit.Config{Store: s.buckets(), Shared: limits, Now: clock.Now, Location: s.setting.Test.Location}),
		Logger:  logger,
	}))
	s.receiver, err = events.New(events.Config{Store: l, Secret: testSecret, Clock: clock.Now, Logger: s.house.app.logger()})
	return err
}

// testSecret is the last part of the address that a test's events come to. Nobody listens there.
const testSecret = "no-secret-at-all-of-a-test"

// buckets keep what the limits have counted: in memory, which is faster, unless that dies on the way.
func (s *staging) buckets() limit.Store {
	for _, moment := range s.setting.Test.During {
		if moment.Act == rehearsal.ActCrash {
			return s.ledger
		}
	}
	return limit.NewMemoryStore()
}

func (s *staging) restart(ctx context.Context) error {
	if err := s.ledger.Close(); err != nil {
		return err
	}
	s.ledger = nil
	return s.open(ctx)
}

func (s *staging) close() error {
	var err error
	if s.ledger != nil {
		err = s.ledger.Close()
	}
	return errors.Join(err, os.RemoveAll(s.dir))
}

// push posts an event to the receiver.
func (s *staging) push(ctx context.Context, body []byte) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://test.invalid"+events.Prefix+testSecret, bytes.NewReader(body))
	if err != nil {
		return err
	}
	var answer acknowledged
	s.receiver.ServeHTTP(&answer, request)
	if answer.status != http.StatusOK {
		return fmt.Errorf("the receiver has not taken an event: it answered %d: %s", answer.status, answer.body.String())
	}
	return nil
}

// acknowledged keeps what the receiver answers.
type acknowledged struct {
	header http.Header
	status int
	body   bytes.Buffer
}

// Header implements http.ResponseWriter.
func (a *acknowledged) Header() http.Header {
	if a.header == nil {
		a.header = http.Header{}
	}
	return a.header
}

// WriteHeader implements http.ResponseWriter.
func (a *acknowledged) WriteHeader(status int) { a.status = status }

// Write implements http.ResponseWriter.
func (a *acknowledged) Write(text []byte) (int, error) { return a.body.Write(text) }
