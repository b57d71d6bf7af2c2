package sandbox

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/gofrs/flock"
)

// journalHeader is the first line, so that no other file is taken for a journal, or cut as if it were one.
const journalHeader = `{"sandbox_journal":1}` + "\n"

// maxLine bounds a line of the journal: a body escaped, and what is around it.
const maxLine = 8 * maxBody

// journal is the file that the world's changes are appended to, one JSON object per line. Each line is one write, so a
// process that is killed leaves at most the last line torn; a line that the disk has no room for is taken back. It is
// not synced: it outlives the process, not the machine.
type journal struct {
	file   storage
	lock   *flock.Flock
	path   string
	size   int64
	broken error // a line could not be taken back, or the journal is closed
}

// storage is what a journal needs of its file once it has been read.
type storage interface {
	io.WriteCloser
	Truncate(size int64) error
}

// openJournal opens or creates a journal and hands its records, oldest first, to replay. A torn last line is cut off:
// nobody was told of it.
func openJournal(path string, replay func(record) error) (j *journal, err error) {
	j = &journal{path: path, lock: flock.New(path + ".lock")}
	held, err := j.lock.TryLock()
	if err != nil {
		return nil, fmt.Errorf("journal %s: locking it: %w", path, err)
	}
	if !held {
		return nil, fmt.Errorf("journal %s is in use by another sandbox: stop that one, or choose another journal", path)
	}
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("journal %s: %w", path, err), j.close())
		}
	}()
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return j, err
	}
	j.file = file
	if j.size, err = readJournal(file, replay); err != nil {
		return j, err
	}
	if err = file.Truncate(j.size); err != nil {
		return j, err
	}
	if j.size == 0 {
		err = j.write([]byte(journalHeader))
	}
	return j, err
}

// readJournal replays a journal and returns the size of what is whole: without a torn last line.
func readJournal(file io.Reader, replay func(record) error) (int64, error) {
	reader := bufio.NewReaderSize(file, 64<<10)
	var size int64
	var line []byte
	for number := 1; ; number++ {
		var err error
		line, err = readLine(reader, line[:0])
		if err != nil && !errors.Is(err, io.EOF) {
			return size, fmt.Errorf("line %d: %w", number, err)
		}
		if number == 1 && !strings.HasPrefix(journalHeader, string(line)) {
			return size, errors.New("this is not a journal of the sandbox: name another file, or a new one")
		}
		if errors.Is(err, io.EOF) {
			return size, nil // torn, or empty
		}
		if number > 1 {
			if err := replayLine(line, replay); err != nil {
				return size, fmt.Errorf("line %d: %w", number, err)
			}
		}
		size += int64(len(line))
	}
}

// readLine appends a line, with its end, to buffer. It returns io.EOF with what comes after the last end.
func readLine(reader *bufio.Reader, buffer []byte) ([]byte, error) {
	for {
		part, err := reader.ReadSlice('\n')
		buffer = append(buffer, part...)
		if len(buffer) > maxLine {
			return buffer, fmt.Errorf("it is longer than %d bytes", maxLine)
		}
		if !errors.Is(err, bufio.ErrBufferFull) {
			return buffer, err
		}
	}
}

func replayLine(line []byte, replay func(record) error) error {
	decoder := json.NewDecoder(bytes.NewReader(line))
	decoder.DisallowUnknownFields()
	var r record
	if err := decoder.Decode(&r); err != nil {
		return fmt.Errorf("it is damaged: %w", err)
	}
	return replay(r)
}

func (j *journal) append(r record) error {
	line, err := json.Marshal(r)
	if err != nil {
		return fmt.Errorf("journal %s: %w", j.path, err)
	}
	return j.write(append(line, '\n'))
}

func (j *journal) write(line []byte) error {
	if j.broken != nil {
		return fmt.Errorf("journal %s: %w", j.path, j.broken)
	}
	if _, err := j.file.Write(line); err != nil {
		if undone := j.file.Truncate(j.size); undone != nil {
			j.broken = fmt.Errorf("a line was half written and could not be taken back: %w", undone)
		}
		return fmt.Errorf("journal %s: %w", j.path, err)
	}
	j.size += int64(len(line))
	return nil
}

// empty forgets all records.
func (j *journal) empty() error {
	if j.broken != nil {
		return fmt.Errorf("journal %s: %w", j.path, j.broken)
	}
	if err := j.file.Truncate(int64(len(journalHeader))); err != nil {
		return fmt.Errorf("journal %s: %w", j.path, err)
	}
	j.size = int64(len(journalHeader))
	return nil
}

// close closes the file and gives the lock back. A second close does nothing.
func (j *journal) close() error {
	if errors.Is(j.broken, os.ErrClosed) {
		return nil
	}
	j.broken = os.ErrClosed
	var err error
	if j.file != nil {
		err = j.file.Close()
	}
	return errors.Join(err, j.lock.Unlock())
}
