package engine

import (
	"errors"
	"fmt"
	"io"
	"os"
)

// What a plan keeps of its items between walking and timing them.
const (
	spoolChunk  = 64 << 10 // bytes of one lane that go to the file at once
	spoolMemory = 8 << 20  // bytes of all lanes that stay in memory
)

// spool keeps the records of many lanes, each in the order in which they came: some megabytes in memory, the rest in a
// temporary file. It is for one goroutine.
type spool struct {
	lanes    []*spooledLane
	byName   map[string]*spooledLane
	resident int // bytes of all tails
	chunk    int
	memory   int
	file     *os.File // nil while everything fits in memory
	written  int64
}

// spooledLane is one lane's records: first those of the extents, then the tail.
type spooledLane struct {
	name    string
	index   int // in the order of their first records
	extents []extent
	tail    []byte
}

type extent struct {
	offset int64
	length int
}

func newSpool() *spool {
	return &spool{byName: map[string]*spooledLane{}, chunk: spoolChunk, memory: spoolMemory}
}

// lane returns the lane of that name.
func (s *spool) lane(name string) *spooledLane {
	lane := s.byName[name]
	if lane == nil {
		lane = &spooledLane{name: name, index: len(s.lanes)}
		s.byName[name] = lane
		s.lanes = append(s.lanes, lane)
	}
	return lane
}

// add appends a record to a lane. Records are not told apart: they have to say themselves where they end.
func (s *spool) add(lane *spooledLane, records ...[]byte) error {
	for _, record := range records {
		lane.tail = append(lane.tail, record...)
		s.resident += len(record)
	}
	if len(lane.tail) >= s.chunk {
		return s.flush(lane)
	}
	if s.resident < s.memory {
		return nil
	}
	for _, lane := range s.lanes {
		if err := s.flush(lane); err != nil {
			return err
		}
	}
	return nil
}

// flush moves a lane's tail to the file.
func (s *spool) flush(lane *spooledLane) error {
	if len(lane.tail) == 0 {
		return nil
	}
	if s.file == nil {
		file, err := os.CreateTemp("", "youmiflow-plan-")
		if err != nil {
			return fmt.Errorf("keeping the plan's calls in a temporary file: %w", err)
		}
		s.file = file
	}
	n, err := s.file.WriteAt(lane.tail, s.written)
	if err != nil {
		return fmt.Errorf("keeping the plan's calls in a temporary file: %w", err)
	}
	lane.extents = append(lane.extents, extent{s.written, n})
	s.written += int64(n)
	s.resident -= n
	if cap(lane.tail) > spoolChunk {
		lane.tail = nil
	}
	lane.tail = lane.tail[:0]
	return nil
}

// next returns the lane's next stretch of records in buffer's place, whole ones; io.EOF after the last.
func (s *spool) next(lane *spooledLane, buffer []byte) ([]byte, error) {
	if len(lane.extents) == 0 {
		tail := lane.tail
		lane.tail = nil
		if len(tail) == 0 {
			return nil, io.EOF
		}
		return tail, nil
	}
	first := lane.extents[0]
	lane.extents = lane.extents[1:]
	if cap(buffer) < first.length {
		buffer = make([]byte, first.length)
	}
	buffer = buffer[:first.length]
	if _, err := s.file.ReadAt(buffer, first.offset); err != nil {
		return nil, fmt.Errorf("reading the plan's calls again: %w", err)
	}
	return buffer, nil
}

// close removes the temporary file.
func (s *spool) close() error {
	if s.file == nil {
		return nil
	}
	return errors.Join(s.file.Close(), os.Remove(s.file.Name()))
}
