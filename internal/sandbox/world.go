package sandbox

import (
	"cmp"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"sync"
	"time"
)

// Delivery is one message that was accepted.
type Delivery struct {
	Sequence uint64          `json:"sequence"` // from 1, over the life of the journal
	TaskID   string          `json:"task_id"`
	Account  string          `json:"account"` // of the takeover, where only its key was sent
	Friend   string          `json:"friend"`
	Type     string          `json:"type"` // MsgType
	Takeover string          `json:"takeover,omitempty"`
	At       time.Time       `json:"at"`   // when the request came
	Body     json.RawMessage `json:"body"` // the request's body

	content digest // what the friend reads, and who the friend is not
}

// Takeover is a conversation taken over, or one that was.
type Takeover struct {
	Sequence      uint64    `json:"sequence"` // from 1, over the life of the journal
	Key           string    `json:"key"`
	Account       string    `json:"account"`
	Friend        string    `json:"friend"`
	Applicant     string    `json:"applicant,omitempty"`
	ApplicantName string    `json:"applicant_name,omitempty"`
	Reason        string    `json:"reason,omitempty"`
	Source        string    `json:"source,omitempty"`
	AppliedAt     time.Time `json:"applied_at"`
	EndedAt       time.Time `json:"ended_at,omitzero"` // zero while it is open
}

// Open tells whether the takeover has not been ended.
func (t Takeover) Open() bool { return t.EndedAt.IsZero() }

// Stats counts what happened. What a journal holds is counted too; requests, tokens and faults count from New.
type Stats struct {
	Seed       uint64         `json:"seed"`
	Requests   uint64         `json:"requests"` // to the API, refused ones too
	Tokens     int            `json:"tokens"`   // handed out
	Deliveries uint64         `json:"deliveries"`
	Accounts   map[string]int `json:"accounts"`   // deliveries by operating account
	Recipients int            `json:"recipients"` // different (account, friend) with a delivery
	// Duplicates is the number of different messages, by account, friend and content, that were delivered more than
	// once. The takeover key is no part of the content.
	Duplicates     int          `json:"duplicates"`
	OpenTakeovers  int          `json:"open_takeovers"`
	EndedTakeovers int          `json:"ended_takeovers"`
	Events         EventCounts  `json:"events"`
	Faults         []FaultCount `json:"faults"`
}

// refusal is an error that is the caller's, and is answered with its code.
type refusal struct {
	code int
	text string
}

func (r *refusal) Error() string { return r.text }

// failure is the answer to an error: the refusal, or a server error that the journal caused.
func failure(err error) result {
	var refused *refusal
	if errors.As(err, &refused) {
		return refuse(refused.code, refused.text)
	}
	return result{code: codeServerError, description: err.Error(), status: 500}
}

// conversation is who talks to whom.
type conversation struct{ account, friend string }

// tally is what is remembered for ever of a conversation.
type tally struct{ deliveries, takeovers uint32 }

// world is what the platform knows. Every change is one record: written to the journal first, then applied here, so
// that reading the journal makes the same world.
type world struct {
	seed uint64

	mu            sync.Mutex
	journal       *journal // nil: none
	recent        ring[Delivery]
	total         uint64
	accounts      map[string]int
	conversations map[digest]tally
	messages      map[digest]uint32
	recipients    int
	duplicates    int
	open          map[conversation]string // key
	keys          map[string]Takeover     // open ones, and the ended ones still kept
	ended         ring[string]            // keys
	applied       uint64
	endings       int
	state         state
}

func openWorld(config Config) (*world, error) {
	w := &world{seed: config.Seed, recent: ring[Delivery]{size: config.KeepDeliveries}, ended: ring[string]{size: config.KeepTakeovers}}
	w.forget()
	if config.Journal == "" {
		return w, nil
	}
	var err error
	w.journal, err = openJournal(config.Journal, w.replay)
	return w, err
}

func (w *world) forget() {
	w.recent.clear()
	w.ended.clear()
	w.total, w.applied, w.recipients, w.duplicates, w.endings = 0, 0, 0, 0, 0
	w.accounts = map[string]int{}
	w.conversations = map[digest]tally{}
	w.messages = map[digest]uint32{}
	w.open = map[conversation]string{}
	w.keys = map[string]Takeover{}
	w.state = newState()
}

// record is one change of the world. One of its fields is set.
type record struct {
	Delivery *Delivery `json:"delivery,omitempty"`
	Applied  *Takeover `json:"applied,omitempty"`
	Ended    *ending   `json:"ended,omitempty"`
	further
}

type ending struct {
	Key string    `json:"key"`
	At  time.Time `json:"at"`
}

// commit writes a record and applies it. The caller holds the lock.
func (w *world) commit(r record) error {
	if w.journal != nil {
		if err := w.journal.append(r); err != nil {
			return err
		}
	}
	w.change(r)
	return nil
}

// replay applies a record of the journal.
func (w *world) replay(r record) error {
	switch {
	case r.Delivery != nil:
		var fields map[string]any
		if err := json.Unmarshal(r.Delivery.Body, &fields); err != nil {
			return fmt.Errorf("body of delivery %d: %w", r.Delivery.Sequence, err)
		}
		r.Delivery.content = messageDigest(fields)
	case r.Ended != nil:
		if _, known := w.keys[r.Ended.Key]; !known {
			return fmt.Errorf("takeover %q is ended, but was never applied for", r.Ended.Key)
		}
	case r.Applied == nil && r.empty():
		return errEmptyRecord
	}
	w.change(r)
	return nil
}

func (w *world) change(r record) {
	switch {
	case r.Delivery != nil:
		w.addDelivery(*r.Delivery)
	case r.Applied != nil:
		t := *r.Applied
		w.applied = t.Sequence
		of := conversation{t.Account, t.Friend}
		count := w.conversations[of.digest()]
		count.takeovers++
		w.conversations[of.digest()] = count
		w.open[of] = t.Key
		w.keys[t.Key] = t
	case r.Ended != nil:
		t := w.keys[r.Ended.Key]
		t.EndedAt = r.Ended.At
		w.keys[t.Key] = t
		delete(w.open, conversation{t.Account, t.Friend})
		w.endings++
		if dropped, full := w.ended.add(t.Key); full {
			delete(w.keys, dropped)
		}
	default:
		w.state.change(r.further)
	}
}

func (w *world) addDelivery(d Delivery) {
	w.recent.add(d)
	w.total = d.Sequence
	w.accounts[d.Account]++
	of := conversation{d.Account, d.Friend}.digest()
	count := w.conversations[of]
	if count.deliveries++; count.deliveries == 1 {
		w.recipients++
	}
	w.conversations[of] = count
	message := contentDigest(of[:], d.content[:])
	if w.messages[message]++; w.messages[message] == 2 {
		w.duplicates++
	}
}

func (c conversation) digest() digest { return contentDigest(c.account, c.friend) }

// messageDigest stands for what a friend gets to read: the message without who it goes to and under which takeover.
func messageDigest(fields map[string]any) digest {
	content := maps.Clone(fields)
	for _, name := range []string{"TakeOverKey", "WechatId", "ToUserName"} {
		delete(content, name)
	}
	text, err := json.Marshal(content) // sorted by name
	if err != nil {
		panic(fmt.Sprintf("sandbox: encoding what was decoded: %v", err))
	}
	return contentDigest(text)
}

// deliver accepts a message. A takeover key must be of an open takeover, and agree with the account and friend given.
func (w *world) deliver(d Delivery) (Delivery, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if d.Takeover != "" {
		t, err := w.held(d.Takeover)
		if err != nil {
			return d, err
		}
		if d.Account != "" && d.Account != t.Account || d.Friend != "" && d.Friend != t.Friend {
			return d, &refusal{codeFailed, fmt.Sprintf("TakeOverKey %s is of account %s and friend %s, not of %s and %s", t.Key, t.Account, t.Friend, d.Account, d.Friend)}
		}
		d.Account, d.Friend = t.Account, t.Friend
	}
	if d.Account == "" || d.Friend == "" {
		return d, &refusal{codeParameters, "it needs TakeOverKey, or WechatId and ToUserName"}
	}
	d.Sequence = w.total + 1
	d.TaskID = strconv.FormatUint(d.Sequence, 10)
	return d, w.commit(record{Delivery: &d})
}

func (w *world) held(key string) (Takeover, error) {
	t, known := w.keys[key]
	switch {
	case !known:
		return t, &refusal{codeFailed, fmt.Sprintf("TakeOverKey %s is unknown", key)}
	case !t.Open():
		return t, &refusal{codeFailed, fmt.Sprintf("TakeOverKey %s has ended, at %s", key, t.EndedAt.Format(time.RFC3339))}
	default:
		return t, nil
	}
}

// apply takes a conversation over. When it is held already, it stays held under the same key.
func (w *world) apply(t Takeover) (Takeover, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	of := conversation{t.Account, t.Friend}
	if key, held := w.open[of]; held {
		return w.keys[key], nil
	}
	t.Sequence, t.Key = w.applied+1, w.newKey(of)
	return t, w.commit(record{Applied: &t})
}

// newKey makes the key of a conversation's next takeover. It depends on the seed and the conversation only, so that
// requests that carry it, and so the faults that hit them, are the same in every run.
func (w *world) newKey(of conversation) string {
	for generation := w.conversations[of.digest()].takeovers; ; generation++ {
		key := contentDigest("takeover", strconv.FormatUint(w.seed, 10), of.account, of.friend, strconv.FormatUint(uint64(generation), 10))
		text := "tok-" + hex.EncodeToString(key[:12])
		if _, taken := w.keys[text]; !taken {
			return text
		}
	}
}

// end ends a takeover by its key or, without one, by its conversation, and tells whether there was one to end.
func (w *world) end(key, account, friend string, at time.Time) (bool, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if key == "" {
		key = w.open[conversation{account, friend}]
	}
	t, known := w.keys[key]
	if !known || !t.Open() {
		return false, nil
	}
	if account != "" && account != t.Account || friend != "" && friend != t.Friend {
		return false, &refusal{codeFailed, fmt.Sprintf("TakeOverKey %s is of account %s and friend %s, not of %s and %s", t.Key, t.Account, t.Friend, account, friend)}
	}
	return true, w.commit(record{Ended: &ending{Key: t.Key, At: at}})
}

func (w *world) find(key string) (Takeover, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	t, known := w.keys[key]
	return t, known
}

func (w *world) deliveries() []Delivery {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.recent.list()
}

func (w *world) delivered(account, friend string) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return int(w.conversations[conversation{account, friend}.digest()].deliveries)
}

func (w *world) takeovers() []Takeover {
	w.mu.Lock()
	list := slices.Collect(maps.Values(w.keys))
	w.mu.Unlock()
	slices.SortFunc(list, func(a, b Takeover) int { return cmp.Compare(a.Sequence, b.Sequence) })
	return list
}

func (w *world) stats() Stats {
	w.mu.Lock()
	defer w.mu.Unlock()
	return Stats{
		Deliveries: w.total, Accounts: maps.Clone(w.accounts), Recipients: w.recipients, Duplicates: w.duplicates,
		OpenTakeovers: len(w.open), EndedTakeovers: w.endings,
	}
}

func (w *world) reset() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.journal != nil {
		if err := w.journal.empty(); err != nil {
			return err
		}
	}
	w.forget()
	return nil
}

func (w *world) close() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.journal == nil {
		return nil
	}
	return w.journal.close()
}
