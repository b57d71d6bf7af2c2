package sandbox

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/getkin/kin-openapi/openapi3"

	"youmiflow/internal/youmi"
)

// Config sets a sandbox up. The zero value is a sandbox that accepts any credentials, fails never and keeps its world
// in memory only.
type Config struct {
	// Seed decides the faults that have a probability, and the takeover keys. 0 chooses one at random; Seed() tells it.
	Seed uint64
	// Credentials are those that the token endpoint accepts. Empty: any.
	Credentials []Credentials
	// TokenLifetime is how long a token is good for. Default: an hour. Whole seconds are what expires_in can say.
	TokenLifetime time.Duration
	// UnauthorizedStatus is the HTTP status of an answer that refuses the token; its body is the envelope in any case.
	// Default: 200, the only status that the vendor documents.
	UnauthorizedStatus int
	// TakeoverAnswer is what an accepted applyTakeOver answers. Default: AnswerKey.
	TakeoverAnswer TakeoverAnswer
	// RefuseIdleEnd makes endTakeOver fail for a conversation that is not held. Default: it succeeds.
	RefuseIdleEnd bool
	// World says which accounts and friends exist. Default: any.
	World *World
	// Fans is how many fans the lists show, at most MaxFans. They are made from the seed when they are asked for, and
	// from seed 1 when none is given, so that a sandbox that is started again has the same. Default: 1,000.
	Fans int
	// V1AppKey is the key that signatures of version 1 are checked with; any AppId is accepted. Default: V1AppKey.
	V1AppKey string
	// V1BareObject has the v1 friend read answer a single row as a bare object, as the one example shows it.
	V1BareObject bool
	// TaskResults has an rpaTaskResult event pushed for every delivery.
	TaskResults bool
	// Spec is openapi.yaml, for who makes many sandboxes: reading it takes longer than all the rest. It is not changed.
	// Default: read anew.
	Spec *openapi3.T
	// Journal is the path of the file that every delivery and takeover is appended to before it is answered, and that a
	// new sandbox restores its world from. Default: none. Only one sandbox at a time can have it open.
	Journal string
	// Faults are in force from the start; see ParseFault and SetFaults.
	Faults []Fault
	// SkipChecks leaves out the check of request bodies against openapi.yaml.
	SkipChecks bool
	// KeepDeliveries and KeepTakeovers bound how many deliveries, with their bodies, and how many ended takeovers are
	// kept in memory: the last ones. Counts stay exact. Default: 100,000 each.
	KeepDeliveries int
	KeepTakeovers  int
	// Clock tells the time of answers, and whether a token is still good. Default: time.Now.
	Clock func() time.Time
	// Sleep lets the time of a delay pass, or returns early with an error when whoever asked waits no longer; it is asked
	// for no time at all to learn whether that is so. Default: a timer, and the request's context.
	Sleep func(context.Context, time.Duration) error

	worldSeed uint64
}

// Credentials are a client id and its secret.
type Credentials struct {
	ClientID     string
	ClientSecret string
}

// String leaves the secret out.
func (c Credentials) String() string { return c.ClientID + ":(secret)" }

// GoString leaves the secret out.
func (c Credentials) GoString() string { return c.String() }

// TakeoverAnswer is what an accepted applyTakeOver answers in `values`. No public page shows the answer, so a client
// has to cope with each.
type TakeoverAnswer string

// The answers.
const (
	AnswerKey    TakeoverAnswer = "key"    // the key itself: "values": "..."
	AnswerObject TakeoverAnswer = "object" // the key in an object: "values": {"TakeOverKey": "..."}
	AnswerNone   TakeoverAnswer = "none"   // no key: "values": true
)

// ParseTakeoverAnswer reads key, object or none.
func ParseTakeoverAnswer(text string) (TakeoverAnswer, error) {
	answer := TakeoverAnswer(text)
	if !slices.Contains([]TakeoverAnswer{AnswerKey, AnswerObject, AnswerNone}, answer) {
		return "", fmt.Errorf("takeover answer %q: write key, object or none", text)
	}
	return answer, nil
}

// Sandbox is one simulated platform. It is safe for concurrent use.
type Sandbox struct {
	config     Config
	operations map[string]*operation // by path
	world      *world
	tokens     *tokens
	v1Tokens   *tokens
	people     *population
	selections selections
	pusher     *pusher
	faults     atomic.Pointer[faultSet]
	control    http.Handler
	boot       string // begins request ids, so that two sandboxes on one journal never give the same
	requests   atomic.Uint64
	happenings atomic.Uint64
}

// New opens a sandbox and restores the world of its journal, if it has one. Errors name the setting that is wrong, or
// the journal and its line.
func New(config Config) (*Sandbox, error) {
	config, err := config.withDefaults()
	if err != nil {
		return nil, fmt.Errorf("sandbox: %w", err)
	}
	s := &Sandbox{config: config, tokens: newTokens(config, config.TokenLifetime), v1Tokens: newTokens(config, v1TokenLifetime), boot: rand.Text()[:8]}
	s.people = newPopulation(config.worldSeed, config.Fans, config.World)
	if s.operations, err = s.describeOperations(); err != nil {
		return nil, fmt.Errorf("sandbox: %w", err)
	}
	if err := s.SetFaults(config.Faults); err != nil {
		return nil, fmt.Errorf("sandbox: %w", err)
	}
	if s.world, err = openWorld(config); err != nil {
		return nil, fmt.Errorf("sandbox: %w", err)
	}
	s.control = s.controlRoutes()
	s.pusher = newPusher(s.judgeEvent)
	return s, nil
}

func (c Config) withDefaults() (Config, error) {
	if c.TokenLifetime < 0 {
		return c, fmt.Errorf("TokenLifetime is %v: it cannot be negative", c.TokenLifetime)
	}
	if c.UnauthorizedStatus != 0 && (c.UnauthorizedStatus < 200 || c.UnauthorizedStatus > 599) {
		return c, fmt.Errorf("UnauthorizedStatus is %d: it must be from 200 to 599", c.UnauthorizedStatus)
	}
	if c.KeepDeliveries < 0 || c.KeepTakeovers < 0 {
		return c, fmt.Errorf("KeepDeliveries is %d and KeepTakeovers %d: neither can be negative", c.KeepDeliveries, c.KeepTakeovers)
	}
	if c.Fans < 0 || c.Fans > MaxFans {
		return c, fmt.Errorf("Fans is %d: it must be from 0 to %d", c.Fans, MaxFans)
	}
	answer, err := ParseTakeoverAnswer(string(or(c.TakeoverAnswer, AnswerKey)))
	if err != nil {
		return c, err
	}
	c.TakeoverAnswer = answer
	c.TokenLifetime = or(c.TokenLifetime, time.Hour)
	c.UnauthorizedStatus = or(c.UnauthorizedStatus, http.StatusOK)
	c.KeepDeliveries = or(c.KeepDeliveries, 100_000)
	c.KeepTakeovers = or(c.KeepTakeovers, 100_000)
	if c.Clock == nil {
		c.Clock = time.Now
	}
	if c.Spec == nil {
		if c.Spec, err = youmi.Spec(); err != nil {
			return c, err
		}
	}
	if c.Sleep == nil {
		c.Sleep = pause
	}
	c.Fans = or(c.Fans, 1000)
	c.V1AppKey = or(c.V1AppKey, V1AppKey)
	c.worldSeed = or(c.Seed, 1)
	for c.Seed == 0 {
		c.Seed = randomSeed()
	}
	return c, nil
}

func or[T comparable](value, fallback T) T {
	var zero T
	if value == zero {
		return fallback
	}
	return value
}

func randomSeed() uint64 {
	var seed [8]byte
	rand.Read(seed[:])
	return binary.LittleEndian.Uint64(seed[:]) >> 32 // short enough to type
}

// Seed is the seed in force: the one configured, or the one that was chosen.
func (s *Sandbox) Seed() uint64 { return s.config.Seed }

// SetFaults replaces the faults and counts from zero again. It refuses a fault that cannot be, or whose operation the
// sandbox does not have.
func (s *Sandbox) SetFaults(faults []Fault) error {
	known := []string{anyOperation, tokenOperation, eventOperation}
	for _, operation := range s.operations {
		known = append(known, operation.name)
	}
	for _, fault := range faults {
		if err := fault.check(); err != nil {
			return fmt.Errorf("fault %s: %w", fault, err)
		}
		if !slices.Contains(known, fault.Operation) {
			slices.Sort(known)
			return fmt.Errorf("fault %s: there is no operation %q; there are %s", fault, fault.Operation, strings.Join(slices.Compact(known), ", "))
		}
	}
	s.faults.Store(newFaultSet(s.config.Seed, faults, s.config.Clock))
	return nil
}

// Deliveries are the last KeepDeliveries deliveries, oldest first. The bodies are shared: do not write to them.
func (s *Sandbox) Deliveries() []Delivery { return s.world.deliveries() }

// Delivered counts the messages delivered to one friend of an account, whether or not their bodies are still kept.
func (s *Sandbox) Delivered(account, friend string) int { return s.world.delivered(account, friend) }

// Takeovers are the open takeovers and the last KeepTakeovers ended ones, in the order they were applied for.
func (s *Sandbox) Takeovers() []Takeover { return s.world.takeovers() }

// Stats counts what happened so far.
func (s *Sandbox) Stats() Stats {
	stats := s.world.stats()
	stats.Seed = s.config.Seed
	stats.Requests = s.requests.Load()
	stats.Tokens = s.tokens.issued() + s.v1Tokens.issued()
	stats.Events = s.pusher.counts()
	stats.Faults = s.faults.Load().counts()
	return stats
}

// Reset forgets deliveries and takeovers, empties the journal and counts faults from zero again. Tokens stay good.
func (s *Sandbox) Reset() error {
	if err := s.world.reset(); err != nil {
		return fmt.Errorf("sandbox: %w", err)
	}
	s.selections.forget()
	return s.SetFaults(s.faults.Load().list())
}

// Close stops pushing events and closes the journal. Requests that would change the world are answered with HTTP 500
// from then on.
func (s *Sandbox) Close() error {
	s.pusher.close()
	return s.world.close()
}
