package diagnostic

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

var update = flag.Bool("update", false, "write the golden files anew")

// golden compares with a file of testdata.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		require.NoError(t, os.WriteFile(path, got, 0o644))
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, string(want), string(got), "run the test with -update once the change is meant")
}

const vip = "name: vip\n" +
	"steps:\n" +
	"      where: custmer.tier in [\"gold\", \"vip\"]\r\n" +
	"      if: event.content contains \"优惠🎉\" && custmer.vip\n" +
	"\ttext:\t\"券\" + cupon\n" +
	"  name: 全角：ＡＢＣ\n" +
	"  flag: 🇨🇳👨‍👩‍👧❤️ x\n" +
	"  evil: \x1b[31m\u202eabc\n" +
	"  last: \"the end"

func read(file string) ([]byte, error) {
	if file == "workflows/vip.yaml" {
		return []byte(vip), nil
	}
	return nil, os.ErrNotExist
}

// span marks the first occurrence of a text in a line of vip.
func span(line int, text string) Span {
	whole := strings.Split(vip, "\n")[line-1]
	at := strings.Index(whole, text)
	if at < 0 {
		panic(text)
	}
	column := utf8.RuneCountInString(whole[:at]) + 1
	return Span{Line: line, Column: column, EndColumn: column + utf8.RuneCountInString(text)}
}

func problems() List {
	const file = "workflows/vip.yaml"
	return List{
		{File: file, Span: span(3, "custmer"), Severity: Error, Code: "unknown-name", Message: `unknown name "custmer" in expression`, Suggestion: "customer"},
		{File: file, Span: span(4, "custmer"), Severity: Error, Code: "unknown-name", Message: `unknown name "custmer" in expression`, Suggestion: "customer"},
		{File: file, Span: span(4, "优惠🎉"), Severity: Warning, Code: "odd-text", Message: "a text with a party in it"},
		{File: file, Span: span(5, "cupon"), Severity: Error, Code: "unknown-name", Message: `unknown name "cupon" in expression`, Suggestion: "coupon"},
		{File: file, Span: span(6, "ＡＢＣ"), Severity: Error, Code: "full-width", Message: "letters of full width"},
		{File: file, Span: span(7, "x"), Severity: Error, Code: "after-emoji", Message: "after a flag, a family and a heart"},
		{File: file, Span: span(8, "abc"), Severity: Error, Code: "control", Message: "a line with \x1b[31m control characters"},
		{File: file, Span: Span{Line: 9, Column: 99, EndColumn: 120}, Severity: Error, Code: "beyond", Message: "behind the end of the line"},
		{File: file, Span: Span{Line: 99, Column: 1, EndColumn: 2}, Severity: Error, Code: "beyond", Message: "behind the end of the file", Suggestion: "less"},
		{File: "workflows/gone.yaml", Span: Span{Line: 1, Column: 1, EndColumn: 2}, Severity: Error, Code: "gone", Message: "in a file that cannot be read, 100% gone\nsecond line"},
		{File: "workflows/no place,a:b.yaml", Severity: Warning, Code: "nowhere", Message: "about the whole file"},
	}
}

func TestTextGolden(t *testing.T) {
	var plain, coloured bytes.Buffer
	require.NoError(t, Text(&plain, problems(), read, false))
	require.NoError(t, Text(&coloured, problems(), read, true))
	golden(t, "text.golden", plain.Bytes())
	golden(t, "colour.golden", coloured.Bytes())
	require.NotContains(t, plain.String(), "\x1b")
}

func TestTextIsAsDocumented(t *testing.T) {
	const want = `workflows/vip.yaml:31:14: unknown name "custmer" in expression [unknown-name]
   |
31 |       where: custmer.tier in ["gold", "vip"]
   |              ^~~~~~~ did you mean "customer"?
`
	source := func(string) ([]byte, error) {
		return []byte(strings.Repeat("\n", 30) + "      where: custmer.tier in [\"gold\", \"vip\"]\n"), nil
	}
	list := List{{
		File: "workflows/vip.yaml", Span: Span{Line: 31, Column: 14, EndColumn: 21}, Severity: Error,
		Code: "unknown-name", Message: `unknown name "custmer" in expression`, Suggestion: "customer",
	}}
	var out bytes.Buffer
	require.NoError(t, Text(&out, list, source, false))
	require.Equal(t, want, out.String())
}

func TestTextCutsLongLines(t *testing.T) {
	line := strings.Repeat("券", 5_000) + "here" + strings.Repeat("x", 5_000)
	list := List{{File: "f", Span: Span{Line: 1, Column: 5_001, EndColumn: 5_005}, Code: "c", Message: "m"}}
	var out bytes.Buffer
	require.NoError(t, Text(&out, list, func(string) ([]byte, error) { return []byte(line), nil }, false))
	lines := strings.Split(out.String(), "\n")
	require.Less(t, utf8.RuneCountInString(lines[2]), maxShown+20)
	before, _, found := strings.Cut(lines[2], "here")
	require.True(t, found)
	require.Equal(t, cells(before), strings.Index(lines[3], "^"))
	require.Contains(t, lines[3], "^~~~")
}

func TestTextAsksForAFileOnce(t *testing.T) {
	asked := 0
	var out bytes.Buffer
	require.NoError(t, Text(&out, problems(), func(file string) ([]byte, error) {
		if file == "workflows/vip.yaml" {
			asked++
		}
		return read(file)
	}, false))
	require.Equal(t, 1, asked)
	require.NoError(t, Text(&out, problems(), nil, false))
}

type brokenWriter struct{}

var errBroken = errors.New("broken")

func (brokenWriter) Write([]byte) (int, error) { return 0, errBroken }

func TestPrintersReportTheWriter(t *testing.T) {
	require.ErrorIs(t, Text(brokenWriter{}, problems(), read, false), errBroken)
	require.ErrorIs(t, JSON(brokenWriter{}, problems()), errBroken)
	require.ErrorIs(t, GitHub(brokenWriter{}, problems()), errBroken)
	require.ErrorIs(t, SARIF(brokenWriter{}, problems(), read, "v1.2.3"), errBroken)
}

func TestJSON(t *testing.T) {
	var out bytes.Buffer
	require.NoError(t, JSON(&out, problems()))
	golden(t, "json.golden", out.Bytes())
	var fields []map[string]any
	require.NoError(t, json.Unmarshal(out.Bytes(), &fields))
	for _, name := range []string{"file", "line", "column", "end_column", "severity", "code", "message", "suggestion"} {
		require.Contains(t, fields[0], name)
	}
	require.Len(t, fields[0], 8)
	out.Reset()
	require.NoError(t, JSON(&out, nil))
	require.Equal(t, "[]\n", out.String())
}

func TestGitHub(t *testing.T) {
	var out bytes.Buffer
	require.NoError(t, GitHub(&out, problems()))
	golden(t, "github.golden", out.Bytes())
	require.Equal(t, len(problems()), strings.Count(out.String(), "\n"), "one command per problem, whatever the message")
}

func TestSARIF(t *testing.T) {
	var out bytes.Buffer
	require.NoError(t, SARIF(&out, problems(), read, "v1.2.3"))
	golden(t, "sarif.golden", out.Bytes())
	out.Reset()
	require.NoError(t, SARIF(&out, nil, nil, ""))
	require.Contains(t, out.String(), `"results": []`)
	require.Contains(t, out.String(), `"rules": []`)
}

// log is what of a SARIF file is looked at here.
type log struct {
	Version string
	Runs    []struct {
		ColumnKind string
		Tool       struct {
			Driver struct {
				Rules []struct {
					ID                                string
					ShortDescription, FullDescription struct{ Text string }
					Help                              struct{ Text, Markdown string }
				}
			}
		}
		Results []struct {
			RuleID, Level       string
			RuleIndex           int
			Message             struct{ Text string }
			PartialFingerprints map[string]string
			Locations           []struct {
				PhysicalLocation struct {
					ArtifactLocation struct{ URI, URIBaseID string }
					Region           struct{ StartLine, StartColumn, EndColumn int }
				}
			}
		}
	}
}

func sarifOf(t require.TestingT, list List, source func(string) ([]byte, error)) log {
	var out bytes.Buffer
	require.NoError(t, SARIF(&out, list, source, ""))
	var l log
	require.NoError(t, json.Unmarshal(out.Bytes(), &l))
	require.Len(t, l.Runs, 1)
	require.Len(t, l.Runs[0].Results, len(list))
	return l
}

// SARIF's columns count UTF-16 code units: a reader in JavaScript or C# finds the very text of the span.
func TestSARIFColumnsAreThoseOfUTF16(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		line := []rune(rapid.StringOfN(rapid.RuneFrom([]rune("ab 券🎉é\u0301")), 1, 30, -1).Draw(r, "line"))
		from := rapid.IntRange(0, len(line)-1).Draw(r, "from")
		to := rapid.IntRange(from, len(line)).Draw(r, "to")
		d := Diagnostic{File: "f", Span: Span{Line: 2, Column: from + 1, EndColumn: to + 1}, Code: "c", Message: "m"}
		l := sarifOf(r, List{d}, func(string) ([]byte, error) { return []byte("first\r\n" + string(line) + "\r\nlast"), nil })
		region := l.Runs[0].Results[0].Locations[0].PhysicalLocation.Region
		units := utf16.Encode(line)
		require.Equal(r, string(line[from:to]), string(utf16.Decode(units[region.StartColumn-1:region.EndColumn-1])))
	})
}

// What hosts of code need to show a result: a rule that explains it, an address within the repository, and a fingerprint that
// stays when lines move and differs from result to result.
func TestSARIFIsWhatHostsNeed(t *testing.T) {
	source := func(string) ([]byte, error) { return []byte("a: 1\n\nb: 1\nb: 1\n"), nil }
	moved := func(string) ([]byte, error) { return []byte("\n\na: 1\n\nb: 1\nb: 1\n"), nil }
	at := func(shift int) List {
		var list List
		for _, line := range []int{1, 3, 4} {
			list = append(list, Diagnostic{File: "workflows/a b.yaml", Span: Span{Line: line + shift, Column: 1, EndColumn: 2}, Code: "unknown-key", Message: "no"})
		}
		return append(list, Diagnostic{File: "/elsewhere/x.yaml", Code: "unreadable", Message: "100% gone"})
	}
	l, later := sarifOf(t, at(0), source), sarifOf(t, at(2), moved)
	require.Equal(t, "2.1.0", l.Version)
	require.Equal(t, "utf16CodeUnits", l.Runs[0].ColumnKind)
	prints := map[string]bool{}
	for i, result := range l.Runs[0].Results {
		rule := l.Runs[0].Tool.Driver.Rules[result.RuleIndex]
		require.Equal(t, result.RuleID, rule.ID)
		require.NotEmpty(t, rule.Help.Text)
		require.NotEmpty(t, rule.Help.Markdown)
		require.NotContains(t, rule.ShortDescription.Text, "\n")
		require.NotContains(t, rule.Help.Markdown, "](")
		require.NotEmpty(t, result.Message.Text)
		require.Len(t, result.PartialFingerprints, 1)
		require.Equal(t, result.PartialFingerprints, later.Runs[0].Results[i].PartialFingerprints)
		prints[result.PartialFingerprints["youmiflow/v1"]] = true
	}
	require.Len(t, prints, 4)
	first := l.Runs[0].Results[0].Locations[0].PhysicalLocation.ArtifactLocation
	require.Equal(t, "workflows/a%20b.yaml", first.URI)
	require.Equal(t, "%SRCROOT%", first.URIBaseID)
	require.Equal(t, "file:///elsewhere/x.yaml", l.Runs[0].Results[3].Locations[0].PhysicalLocation.ArtifactLocation.URI)
	require.Equal(t, 1, l.Runs[0].Results[3].Locations[0].PhysicalLocation.Region.StartLine)
}

func TestSort(t *testing.T) {
	list := problems()
	list.Sort()
	var order []string
	for _, d := range list {
		order = append(order, d.place())
	}
	require.Equal(t, []string{
		"workflows/gone.yaml:1:1", "workflows/no place,a:b.yaml",
		"workflows/vip.yaml:3:14", "workflows/vip.yaml:4:35", "workflows/vip.yaml:4:43", "workflows/vip.yaml:5:14",
		"workflows/vip.yaml:6:12", "workflows/vip.yaml:7:19", "workflows/vip.yaml:8:15", "workflows/vip.yaml:9:99", "workflows/vip.yaml:99:1",
	}, order)
}

func TestSortDoesNotDependOnTheOrder(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		shuffled := rapid.Permutation(problems()).Draw(r, "order")
		shuffled.Sort()
		want := problems()
		want.Sort()
		require.Equal(r, want, shuffled)
	})
}

func TestErr(t *testing.T) {
	warning := Diagnostic{Severity: Warning}
	require.NoError(t, List(nil).Err())
	require.NoError(t, List{warning}.Err())
	require.False(t, List{warning}.HasErrors())
	require.True(t, List{warning, {}}.HasErrors(), "a forgotten severity stops the file")

	list := List{warning, problems()[0], problems()[1]}
	err := fmt.Errorf("loading: %w", list.Err())
	require.EqualError(t, err, `loading: 2 errors, 1 warning; the first is workflows/vip.yaml:3:14: unknown name "custmer" in expression [unknown-name]`)
	var found List
	require.ErrorAs(t, err, &found)
	require.Len(t, found, 3)
}

func TestCount(t *testing.T) {
	require.Equal(t, "no problems", List{}.Count())
	require.Equal(t, "1 error", List{{Severity: Error}}.Count())
	require.Equal(t, "2 warnings", List{{Severity: Warning}, {Severity: Warning}}.Count())
}

func TestSuggest(t *testing.T) {
	names := []string{"customer", "params", "steps", "secrets", "run", "event", "variant", "item", "优惠券"}
	for name, want := range map[string]string{
		"custmer": "customer", "cusotmer": "customer", "Customer": "customer", "PARAMS": "params", "parms": "params", "step": "steps",
		"stesp": "steps", "rum": "run", "nur": "", "x": "", "": "", "audience": "", "优惠卷": "优惠券", "customer": "",
		strings.Repeat("x", 10_000): "",
	} {
		require.Equal(t, want, Suggest(name, names), name)
	}
	require.Equal(t, "aab", Suggest("aaa", []string{"aac", "aab"}), "the alphabetically first of equals")
	require.Equal(t, "aab", Suggest("aaa", []string{"aab", "aac"}))
	require.Empty(t, Suggest("a", []string{"b"}), "any other letter would be as near")
	require.Empty(t, Suggest("abc", nil))
}

func TestDistance(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		letters := rapid.SliceOfN(rapid.SampledFrom([]rune("ab券")), 0, 8)
		a, b := letters.Draw(r, "a"), letters.Draw(r, "b")
		d := distance(a, b, 100)
		require.Equal(r, d, distance(b, a, 100), "the same both ways")
		require.Equal(r, d == 0, string(a) == string(b))
		require.LessOrEqual(r, d, max(len(a), len(b)))
		require.Equal(r, min(d, 2), distance(a, b, 2), "cut at the limit")
		if len(a) > 1 && a[0] != a[1] {
			swapped := append([]rune{a[1], a[0]}, a[2:]...)
			require.Equal(r, 1, distance(a, swapped, 100), "a swap is one slip")
		}
	})
}

func TestCells(t *testing.T) {
	for text, want := range map[string]int{
		"abc": 3, "é": 1, "e\u0301": 1, "张三": 4, "ＡＢ": 4, "：": 2, "“": 1, "🎉": 2, "🇨🇳": 2, "🇨🇳🇯🇵": 4, "👨‍👩‍👧": 2, "👍🏽": 2, "❤️": 2, "ｱ": 1, "한": 2, "": 0,
	} {
		require.Equal(t, want, cells(text), text)
	}
}

// FuzzText: no span, however wrong, and no file may break the printer, and nothing reaches the terminal that it obeys.
func FuzzText(f *testing.F) {
	f.Add("a: b\n\tc: 券🎉", 2, 3, 5, "message", "suggestion")
	f.Add("", -1, -5, 1<<40, "\x1b[0m", "")
	f.Add("\xff\xfe\r\n🇨", 1, 2, 1, "", "\n")
	f.Add(strings.Repeat("券", 300), 1, 250, 290, "", "")
	f.Fuzz(func(t *testing.T, source string, line, column, end int, message, suggestion string) {
		list := List{{File: "f", Span: Span{Line: line, Column: column, EndColumn: end}, Code: "c", Message: message, Suggestion: suggestion}}
		var out bytes.Buffer
		if err := Text(&out, list, func(string) ([]byte, error) { return []byte(source), nil }, false); err != nil {
			t.Fatal(err)
		}
		if lines := strings.Count(out.String(), "\n"); lines > 4 || lines < 1 {
			t.Fatalf("%d lines: %q", lines, out.String())
		}
		if strings.ContainsAny(out.String(), "\x1b\r\u202e") || !utf8.ValidString(out.String()) {
			t.Fatalf("not fit for a terminal: %q", out.String())
		}
		for _, write := range []func() error{
			func() error { return JSON(&out, list) },
			func() error { return GitHub(&out, list) },
			func() error { return SARIF(&out, list, read, "") },
		} {
			if err := write(); err != nil {
				t.Fatal(err)
			}
		}
	})
}

// Of a line with a password in it nothing shows but the place.
func TestPrivateLinesAreNotShown(t *testing.T) {
	for _, one := range []struct {
		line, want string
		column     int
	}{{"密码: { secret: geheim }", " 1 |       secret ***\n   |       ^~~~~~\n", 7}, {"geheim\tsecret: geheim", " 1 |       \tsecret ***\n", 8}, {"x", " 1 |   ***\n", 8}} {
		list := List{{File: "a.yaml", Span: Span{Line: 1, Column: one.column, EndColumn: one.column + 6}, Severity: Warning, Code: "c", Message: "m", Private: true}}
		var out strings.Builder
		require.NoError(t, Text(&out, list, func(string) ([]byte, error) { return []byte(one.line), nil }, false))
		require.NotContains(t, out.String(), "geheim")
		require.Contains(t, out.String(), one.want)
	}
}
