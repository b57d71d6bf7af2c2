package audience

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding/simplifiedchinese"
	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/transform"
)

// sampleSize is how much of a file decides its encoding.
const sampleSize = 64 << 10

var (
	errNUL     = errors.New("a NUL byte")
	errTooLong = errors.New("too long")
)

const (
	bom = "\xEF\xBB\xBF"
	// replacement is what a decoder writes in place of bytes that it cannot decode.
	replacement = "\uFFFD"
)

// text hands out a file as UTF-8 that holds no NUL, while it counts lines and watches over the length of rows. What is not
// in the encoding spoils its own line; the first thing wrong besides becomes err, on line errLine, and everything before it
// is handed out first.
type text struct {
	path     string
	encoding string // for people
	said     bool   // whether it was named, not found out
	source   io.Reader
	decoded  bool // whether a decoder may have put U+FFFD in place of broken bytes
	buffer   []byte
	start    int // of what is checked and not handed out
	checked  int // end of it
	end      int // of what is read: a character may be cut in two
	lines    int // line breaks checked so far
	sinceRow int // bytes handed out since the last call of startRow
	err      error
	errLine  int
	told     bool  // whether Read has returned err
	bad      []int // lines, not yet asked for, on which something is not in the encoding; never more than are buffered
}

// newText finds out the encoding, unless it is named, and leaves out the byte order mark.
func newText(file io.Reader, path, name string) (*text, error) {
	sample := make([]byte, sampleSize)
	n, err := io.ReadFull(file, sample)
	whole := errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
	if err != nil && !whole {
		return nil, openError(path, err)
	}
	sample = sample[:n]
	if err := notWorkbook(path, sample); err != nil {
		return nil, err
	}
	found, err := encodingOf(path, name, sample, whole)
	if err != nil {
		return nil, err
	}
	all := io.MultiReader(bytes.NewReader(bytes.TrimPrefix(sample, []byte(bom))), file)
	t := &text{path: path, encoding: found, said: name != "", source: all, buffer: make([]byte, sampleSize)}
	switch found {
	case "UTF-16":
		t.source = transform.NewReader(all, unicode.UTF16(unicode.LittleEndian, unicode.ExpectBOM).NewDecoder())
		t.decoded = true
	case "GB18030":
		t.source = transform.NewReader(all, simplifiedchinese.GB18030.NewDecoder())
		t.decoded = true
	}
	return t, nil
}

// The first bytes of Excel's files: of .xlsx those of any zip archive, of .xls those of an OLE compound file, in which a
// workbook with a password is kept too.
const (
	zipStart = "PK\x03\x04"
	oleStart = "\xD0\xCF\x11\xE0"
)

// notWorkbook refuses a workbook that has got the name of a text file.
func notWorkbook(path string, sample []byte) error {
	switch {
	case bytes.HasPrefix(sample, []byte(zipStart)):
		return &RowError{File: path, Problem: "this is an Excel workbook, and no text", Hint: "name it .xlsx"}
	case bytes.HasPrefix(sample, []byte(oleStart)):
		return &RowError{File: path, Problem: "this is an old Excel workbook (.xls) or one with a password", Hint: "save it as .xlsx without a password, or as CSV"}
	}
	return nil
}

// encodingOf is UTF-8, UTF-16 or GB18030.
func encodingOf(path, name string, sample []byte, whole bool) (string, error) {
	switch strings.ToLower(name) {
	case "utf-8", "utf8":
		return "UTF-8", nil
	case "gb18030", "gbk", "gb2312":
		return "GB18030", nil
	case "utf-16", "utf16":
		if !hasUTF16Mark(sample) {
			return "", &RowError{File: path, Problem: "it is said to be UTF-16 but has no byte order mark", Hint: "save it as UTF-8"}
		}
		return "UTF-16", nil
	case "":
		return detect(path, sample, whole)
	}
	return "", &RowError{File: path, Problem: "there is no encoding " + quoted(name), Hint: "use utf-8, utf-16 or gb18030"}
}

func hasUTF16Mark(sample []byte) bool {
	return bytes.HasPrefix(sample, []byte("\xFF\xFE")) || bytes.HasPrefix(sample, []byte("\xFE\xFF"))
}

func detect(path string, sample []byte, whole bool) (string, error) {
	if hasUTF16Mark(sample) {
		return "UTF-16", nil
	}
	brokenUTF8 := invalidUTF8(sample, whole)
	if brokenUTF8 < 0 || bytes.HasPrefix(sample, []byte(bom)) || mostlyUTF8(sample) {
		return "UTF-8", nil
	}
	brokenGB := invalidGB18030(sample, whole)
	if brokenGB < 0 || mostlyGB18030(sample) {
		return "GB18030", nil
	}
	row := 1 + bytes.Count(sample[:max(brokenUTF8, brokenGB)], []byte("\n"))
	return "", &RowError{File: path, Row: row, Problem: "the text is neither UTF-8 nor GB18030", Hint: "save the file as UTF-8 (in Excel: \"CSV UTF-8\")"}
}

// mostlyUTF8 reports whether a text that is not all UTF-8 is so but for a few rows: nine of ten characters outside ASCII
// are, or nine of ten lines where there are hardly any. Of a text in GB18030 it is next to none.
func mostlyUTF8(p []byte) bool {
	good, broken := 0, 0
	lines := map[int]bool{}
	line := 0
	for i := 0; i < len(p); {
		if p[i] < utf8.RuneSelf {
			if p[i] == '\n' {
				line++
			}
			i++
			continue
		}
		r, size := utf8.DecodeRune(p[i:])
		if r == utf8.RuneError && size == 1 {
			broken++
			lines[line] = true
		} else {
			good++
		}
		i += size
	}
	if good > 0 {
		return broken*9 <= good
	}
	return !lines[0] && len(lines)*9 <= line && invalidGB18030(p, false) >= 0
}

// mostlyGB18030 reports the same of GB18030.
func mostlyGB18030(p []byte) bool {
	decoded, err := simplifiedchinese.GB18030.NewDecoder().Bytes(p)
	if err != nil {
		return false
	}
	good, broken := 0, 0
	for _, r := range string(decoded) {
		switch {
		case r == utf8.RuneError:
			broken++
		case r >= utf8.RuneSelf:
			good++
		}
	}
	return broken*9 <= good
}

// invalidUTF8 is where the text stops being UTF-8, or -1. A character that is cut off is well unless the text is whole.
func invalidUTF8(p []byte, whole bool) int {
	for i := 0; i < len(p); {
		if p[i] < utf8.RuneSelf {
			i++
			continue
		}
		r, size := utf8.DecodeRune(p[i:])
		if r == utf8.RuneError && size == 1 {
			if !whole && !utf8.FullRune(p[i:]) {
				return -1
			}
			return i
		}
		i += size
	}
	return -1
}

// invalidGB18030 is where the text stops being GB18030, or -1.
func invalidGB18030(p []byte, whole bool) int {
	decoder := simplifiedchinese.GB18030.NewDecoder()
	var out [4096]byte
	for done := 0; done < len(p); {
		// A line at a time would not do: the second byte of a character is never a line break, but a broken file may
		// hold one anywhere. Small pieces find the place closely enough to name its row.
		end := min(done+512, len(p))
		n, m, err := decoder.Transform(out[:], p[done:end], end == len(p) && whole)
		if i := bytes.Index(out[:n], []byte(replacement)); i >= 0 {
			return done + lineOffset(out[:i], p[done:done+m])
		}
		if errors.Is(err, transform.ErrShortSrc) && end == len(p) {
			return -1
		}
		done += m
	}
	return -1
}

// lineOffset is an offset in raw on the line that follows as many line breaks as decoded holds.
func lineOffset(decoded, raw []byte) int {
	offset := 0
	for range bytes.Count(decoded, []byte("\n")) {
		offset += bytes.IndexByte(raw[offset:], '\n') + 1
	}
	return offset
}

// startRow tells that a row is complete and the next one begins.
func (t *text) startRow() { t.sinceRow = 0 }

// Read implements io.Reader.
func (t *text) Read(p []byte) (int, error) {
	for t.start == t.checked {
		if t.err != nil {
			t.told = true
			return 0, t.err
		}
		t.fill()
	}
	n := copy(p, t.buffer[t.start:t.checked])
	t.start += n
	t.sinceRow += n
	if t.sinceRow > maxRow+2*sampleSize {
		t.fail(errTooLong, t.lines+1)
		t.told, t.start = true, t.checked
		return 0, t.err
	}
	return n, nil
}

// fill reads more and checks it.
func (t *text) fill() {
	t.end = copy(t.buffer, t.buffer[t.checked:t.end])
	t.start, t.checked = 0, 0
	n, err := t.source.Read(t.buffer[t.end:])
	t.end += n
	good, problem := t.check(t.buffer[:t.end], err == io.EOF)
	t.checked = good
	t.lines += bytes.Count(t.buffer[:good], []byte("\n"))
	if problem == nil {
		problem = err
	}
	if problem != nil {
		t.fail(problem, t.lines+1)
	}
}

func (t *text) fail(err error, line int) { t.err, t.errLine = err, line }

// check returns how much of p is good, and what is wrong after it. It leaves a cut off character for the next time. What is
// not in the encoding spoils its line only: its bytes are replaced, and the line is noted.
func (t *text) check(p []byte, whole bool) (int, error) {
	good, problem := len(p), error(nil)
	if !utf8.Valid(p) {
		good = t.mend(p, whole)
	}
	if i := bytes.IndexByte(p[:good], 0); i >= 0 {
		good, problem = i, errNUL
	}
	if t.decoded {
		t.findReplaced(p[:good])
	}
	return good, problem
}

// mend replaces each byte that is no UTF-8 by a question mark, and returns where a character is cut off.
func (t *text) mend(p []byte, whole bool) int {
	line, from := t.lines+1, 0
	for i := 0; i < len(p); {
		if p[i] < utf8.RuneSelf {
			i++
			continue
		}
		r, size := utf8.DecodeRune(p[i:])
		if r != utf8.RuneError || size > 1 {
			i += size
			continue
		}
		if !whole && !utf8.FullRune(p[i:]) {
			return i
		}
		line += bytes.Count(p[from:i], []byte("\n"))
		from = i
		t.spoil(line)
		p[i] = '?'
		i++
	}
	return len(p)
}

// findReplaced notes the lines on which a decoder has put U+FFFD.
func (t *text) findReplaced(p []byte) {
	line := t.lines + 1
	for {
		i := bytes.Index(p, []byte(replacement))
		if i < 0 {
			return
		}
		line += bytes.Count(p[:i], []byte("\n"))
		t.spoil(line)
		p = p[i+len(replacement):]
	}
}

func (t *text) spoil(line int) {
	if n := len(t.bad); n == 0 || t.bad[n-1] != line {
		t.bad = append(t.bad, line)
	}
}

// spoiled returns the first line up to last, of those not yet asked for, that is not in the encoding; 0 when there is none.
func (t *text) spoiled(last int) int {
	line := 0
	for len(t.bad) > 0 && t.bad[0] <= last {
		if line == 0 {
			line = t.bad[0]
		}
		t.bad = t.bad[1:]
	}
	return line
}

// broke reports whether Read has told of something wrong, not only of the end.
func (t *text) broke() bool { return t.told && !errors.Is(t.err, io.EOF) }

// problem words what stopped the text; row is the line on which the row at hand starts, or a blank one before it.
func (t *text) problem(row int) *RowError {
	e := &RowError{File: t.path, Row: t.errLine}
	switch {
	case errors.Is(t.err, errNUL):
		e.Problem, e.Hint = "there is a NUL byte, so this is no text file or a damaged one", "save the list anew as UTF-8 text"
	case errors.Is(t.err, errTooLong):
		return rowTooLong(t.path, row)
	default:
		cause := openError(t.path, t.err)
		cause.Row = t.errLine
		return cause
	}
	return e
}

// misencoded is the problem of a row of which a line is not in the file's encoding.
func (t *text) misencoded(row, line int) *RowError {
	e := &RowError{File: t.path, Row: row, Problem: fmt.Sprintf("the text is not %s here, although the file is elsewhere", t.encoding)}
	if t.said {
		e.Problem = fmt.Sprintf("the text is not %s here, as it was said to be", t.encoding)
	}
	if line != row {
		e.Problem += fmt.Sprintf(" (on line %d)", line)
	}
	e.Hint = "type the characters of this row again, or save the whole file as UTF-8 (in Excel: \"CSV UTF-8\")"
	return e
}

func rowTooLong(path string, row int) *RowError {
	return &RowError{File: path, Row: row, Problem: "the row is longer than 4 MiB", Hint: "look for a quote that is opened and not closed, or for a missing line break"}
}
