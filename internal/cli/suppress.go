package cli

import (
	"errors"
	"fmt"
	"hash/maphash"
	"io"
	"log/slog"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode"

	"youmiflow/internal/audience"
)

// suppression is the customers whom nobody may write to, from the files under `suppress` in youmiflow.yaml. Of each it
// keeps eight bytes (sixteen where an account is named), so that a million fit. A file that changes is read again while the process lives: who asks not to be
// written to should not have to wait for the next run.
type suppression struct {
	project *project
	names   []string // as youmiflow.yaml has them
	seed    maphash.Seed
	logger  *slog.Logger

	mu     sync.RWMutex
	files  []string // where they are
	hashes []uint64 // sorted
	stamps []stamp
	looked time.Time
}

// stamp tells whether a file has changed.
type stamp struct {
	size int64
	at   time.Time
}

// suppressionAge is how long a change of a file may go unseen.
const suppressionAge = 5 * time.Second

func newSuppression(project *project, logger *slog.Logger) *suppression {
	return &suppression{project: project, names: project.config.Suppress, seed: maphash.MakeSeed(), logger: logger}
}

// load reads the project's files, before anybody is written to. A file that cannot be read is an error: without it people
// would be written to who must not be.
func (s *suppression) load() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.files = nil
	for _, name := range s.names {
		file, err := s.project.resolve(name, nil)
		if err != nil {
			return invalid("suppress: %w", err)
		}
		s.files = append(s.files, file)
	}
	hashes, stamps, err := s.read()
	if err != nil {
		return invalid("suppress: %w", err)
	}
	s.hashes, s.stamps, s.looked = hashes, stamps, time.Now()
	return nil
}

// follow takes the files of another state of the project in place of those before. When one cannot be read, all stays.
func (s *suppression) follow(project *project) error {
	next := &suppression{project: project, names: project.config.Suppress, seed: s.seed, logger: s.logger}
	if err := next.load(); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.project, s.names, s.files = next.project, next.names, next.files
	s.hashes, s.stamps, s.looked = next.hashes, next.stamps, next.looked
	return nil
}

// anyAccount marks customers who are on the list for one account at least.
const anyAccount = "\x00any"

// has reports whether nobody may write to a customer. Account "" is one that is not known: then it counts for which account
// a customer is on the list.
func (s *suppression) has(account, friend string) bool {
	s.refresh(time.Now())
	s.mu.RLock()
	defer s.mu.RUnlock()
	if len(s.hashes) == 0 {
		return false
	}
	_, everywhere := slices.BinarySearch(s.hashes, s.hash("", friend))
	if account == "" {
		account = anyAccount
	}
	_, here := slices.BinarySearch(s.hashes, s.hash(account, friend))
	return everywhere || here
}

// refresh reads the files again when they have changed. One that cannot be read any more leaves things as they are.
func (s *suppression) refresh(now time.Time) {
	s.mu.RLock()
	fresh := now.Sub(s.looked) < suppressionAge
	s.mu.RUnlock()
	if fresh {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if now.Sub(s.looked) < suppressionAge {
		return
	}
	s.looked = now
	stamps, err := s.stamp()
	if err == nil && slices.Equal(stamps, s.stamps) {
		return
	}
	var hashes []uint64
	if err == nil {
		hashes, stamps, err = s.read()
	}
	if err != nil {
		s.logger.Error("the suppression list has changed and cannot be read: the one before stays in force", "error", err)
		return
	}
	s.hashes, s.stamps = hashes, stamps
}

func (s *suppression) stamp() ([]stamp, error) {
	stamps := make([]stamp, len(s.files))
	for i, file := range s.files {
		info, err := os.Stat(file)
		if err != nil {
			return nil, err
		}
		stamps[i] = stamp{info.Size(), info.ModTime()}
	}
	return stamps, nil
}

func (s *suppression) read() (hashes []uint64, stamps []stamp, err error) {
	if stamps, err = s.stamp(); err != nil {
		return nil, nil, err
	}
	for _, file := range s.files {
		if hashes, err = s.readFile(hashes, file); err != nil {
			return nil, nil, err
		}
	}
	slices.Sort(hashes)
	return slices.Compact(hashes), stamps, nil
}

// readFile adds the customers of one file: column friend, and account where it is for that account only.
func (s *suppression) readFile(hashes []uint64, file string) (_ []uint64, err error) {
	reader, err := audience.Open(file, audience.Options{Filled: []string{"friend"}})
	var bad *audience.RowError
	if errors.As(err, &bad) && bad.Row == 0 && emptyFile(file) {
		return hashes, nil // a list that nobody is on yet
	}
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, reader.Close()) }()
	for {
		row, _, err := reader.Next()
		if err == io.EOF {
			return hashes, nil
		}
		if err != nil {
			return nil, err
		}
		account, friend := cell(row["account"]), cell(row["friend"])
		hashes = append(hashes, s.hash(account, friend))
		if account != "" {
			hashes = append(hashes, s.hash(anyAccount, friend))
		}
	}
}

func emptyFile(file string) bool {
	info, err := os.Stat(file)
	return err == nil && info.Size() == 0
}

// hash is of an account and a friend; account "" is every account. Two customers share one of 64 bits about once in
// 10^13 questions to a list of a million.
func (s *suppression) hash(account, friend string) uint64 {
	return maphash.String(s.seed, visible(account)+"\x00"+visible(friend))
}

// visible is an id without what nobody sees at its ends: a wide blank behind an id must not get anybody past the list.
func visible(id string) string {
	return strings.TrimFunc(id, func(r rune) bool { return unicode.IsSpace(r) || unicode.Is(unicode.Cf, r) })
}

// cell is what a cell says, also where a file has numbers.
func cell(value any) string {
	switch value := value.(type) {
	case nil:
		return ""
	case string:
		return value
	case float64:
		return strconv.FormatFloat(value, 'f', -1, 64)
	}
	return fmt.Sprint(value)
}
