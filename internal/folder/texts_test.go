package folder_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"

	"youmiflow/internal/folder"
	"youmiflow/workflows"
)

// texts keeps versions in memory, as the ledger does on disk.
type texts struct {
	current map[string]folder.Version
	byHash  map[string][]byte
	err     error
}

func newTexts() *texts {
	return &texts{current: map[string]folder.Version{}, byHash: map[string][]byte{}}
}

func (k *texts) Current(context.Context) ([]folder.Version, error) {
	var all []folder.Version
	for _, version := range k.current {
		all = append(all, version)
	}
	return all, k.err
}

func (k *texts) Text(_ context.Context, digest string) ([]byte, error) {
	text, ok := k.byHash[digest]
	if !ok {
		return nil, fmt.Errorf("no text %s", digest)
	}
	return text, k.err
}

func (k *texts) Keep(_ context.Context, all []*workflows.Resting, current []folder.Version, gone []string) error {
	if k.err != nil {
		return k.err
	}
	for _, one := range all {
		k.byHash[one.Digest] = one.Source
	}
	for _, file := range gone {
		delete(k.current, file)
	}
	for _, version := range current {
		k.current[version.File] = version
	}
	return nil
}

// log gathers what is logged.
type log struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *log) logger() *slog.Logger { return slog.New(slog.NewTextHandler(l, nil)) }

func (l *log) count(what string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Count(l.text.String(), what)
}
