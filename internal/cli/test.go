package cli

import (
	"context"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"regexp"
	"runtime"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"youmiflow/internal/diagnostic"
	"youmiflow/internal/rehearsal"
)

func (a *app) testCommand() *cobra.Command {
	var pattern string
	c := &cobra.Command{
		Use:   "test [FILE|DIR ...]",
		Short: "Run the tests of workflows, on virtual time and without sending anything",
		Long: `Runs the tests in NAME.test.yaml files: of a file, of the workflow that is named, or of all files in
a folder and below it; without arguments, of the project of the current folder. Nothing leaves the
process, and a run that waits for days takes milliseconds (docs/testing.md).

Exit codes: 0 all tests passed, 1 some failed, 2 bad usage, 3 a file is invalid and nothing was run.`,
		RunE: func(c *cobra.Command, arguments []string) error {
			only, err := regexp.Compile(pattern)
			if err != nil {
				return usage("--run %q is not a regular expression: %v", pattern, err)
			}
			return a.test(c.Context(), arguments, only)
		},
	}
	c.Flags().StringVar(&pattern, "run", "", "run only the tests whose names this regular expression finds")
	a.formats(c, "table", "json", "yaml", "junit")
	return c
}

// test runs the tests of all files that the arguments name.
func (a *app) test(ctx context.Context, arguments []string, only *regexp.Regexp) (err error) {
	began := time.Now()
	ctx, stop := a.interruptible(ctx)
	defer stop()
	suites, err := a.testSuites(arguments)
	if err != nil {
		return err
	}
	house, err := newTestHouse(ctx, a)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, house.close()) }()
	var tests []testCase
	for _, suite := range suites {
		for _, test := range suite.file.Tests {
			if only.MatchString(test.Name.Value) {
				tests = append(tests, testCase{suite, test})
			}
		}
	}
	printer := a.newTestPrinter()
	tally := testTally{files: len(suites)}
	for done := range house.runAll(ctx, tests) {
		if err := printer.add(done); err != nil {
			return err
		}
		tally.add(done)
	}
	if err := errors.Join(printer.end(), ctx.Err()); err != nil {
		return err
	}
	a.say("%s in %s: %d passed, %d failed, %s", counted(tally.passed+tally.failed, "test"), counted(tally.files, "file"),
		tally.passed, tally.failed, time.Since(began).Round(time.Millisecond))
	if tally.failed > 0 {
		return silently(exitFailed, "there are failed tests")
	}
	if len(tests) == 0 {
		return usage("no test's name is found by --run %s", only)
	}
	return nil
}

// interruptible is ended by the signals that ask the process to stop, until stop is called.
func (a *app) interruptible(ctx context.Context) (_ context.Context, stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	var watching sync.WaitGroup
	watching.Go(func() {
		select {
		case <-a.Interrupts:
			cancel()
		case <-ctx.Done():
		}
	})
	return ctx, func() { cancel(); watching.Wait() }
}

// testCase is one test to run.
type testCase struct {
	suite *testSuite
	test  *rehearsal.Test
}

// testDone is what it has come to.
type testDone struct {
	rehearsal.Result
	took time.Duration
}

type testTally struct{ files, passed, failed int }

func (t *testTally) add(done testDone) {
	if done.Passed() {
		t.passed++
	} else {
		t.failed++
	}
}

// runAll runs tests, as many at a time as there are processors, and hands out what became of them in their order.
func (h *testHouse) runAll(ctx context.Context, tests []testCase) func(yield func(testDone) bool) {
	return func(yield func(testDone) bool) {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		results := make([]chan testDone, len(tests))
		for i := range results {
			results[i] = make(chan testDone, 1)
		}
		next := make(chan int)
		var working sync.WaitGroup
		defer working.Wait()
		for range min(runtime.GOMAXPROCS(0), len(tests)) {
			working.Go(func() {
				for i := range next {
					began := time.Now()
					result := h.run(ctx, tests[i])
					results[i] <- testDone{result, time.Since(began)}
				}
			})
		}
		working.Go(func() {
			defer close(next)
			for i := range tests {
				select {
				case next <- i:
				case <-ctx.Done():
					return
				}
			}
		})
		for _, result := range results {
			select {
			case done := <-result:
				if !yield(done) {
					cancel()
					return
				}
			case <-ctx.Done():
				return
			}
		}
	}
}

// testPrinter prints results in the format that was asked for.
type testPrinter struct {
	app    *app
	listed *listing
	suites []junitSuite
}

func (a *app) newTestPrinter() *testPrinter {
	return &testPrinter{app: a, listed: newListing(a.output, a.Stdout)}
}

func (p *testPrinter) add(done testDone) error {
	switch p.app.output {
	case "table":
		return p.line(done)
	case "junit":
		p.junit(done)
		return nil
	}
	return p.listed.add(viewTest(done))
}

func (p *testPrinter) end() error {
	switch p.app.output {
	case "table":
		return nil
	case "junit":
		return p.writeJunit()
	}
	return p.listed.end()
}

// line prints a test on one line, and below it what was not as expected.
func (p *testPrinter) line(done testDone) error {
	word := "ok  "
	if !done.Passed() {
		word = "FAIL"
	}
	if p.app.quiet && done.Passed() {
		return nil
	}
	_, err := fmt.Fprintf(p.app.Stdout, "%s  %s  %s  (%s)\n", word, relative(done.File.Path), done.Test.Name.Value, done.took.Round(time.Millisecond))
	for _, line := range done.Failure() {
		if err == nil {
			_, err = fmt.Fprintf(p.app.Stdout, "      %s\n", p.app.hide.Text(line))
		}
	}
	return err
}

// testView is a test as `test --output json` prints it (docs/testing.md).
type testView struct {
	File     string        `json:"file"`
	Line     int           `json:"line"`
	Name     string        `json:"name"`
	Passed   bool          `json:"passed"`
	Seconds  float64       `json:"seconds"`
	Error    *string       `json:"error"`
	Failures []failureView `json:"failures"`
}

type failureView struct {
	diagnostic.Span
	What string   `json:"what"`
	Diff []string `json:"diff"`
}

func viewTest(done testDone) testView {
	view := testView{File: done.File.Path, Line: done.Test.Name.Span.Line, Name: done.Test.Name.Value, Passed: done.Passed(),
		Seconds: done.took.Seconds(), Failures: []failureView{}}
	if done.Err != nil {
		text := done.Err.Error()
		view.Error = &text
	}
	for _, mismatch := range done.Mismatches {
		view.Failures = append(view.Failures, failureView{mismatch.Span, mismatch.What, mismatch.Diff})
	}
	return view
}

// junitSuite is a file of tests as JUnit's XML has it, which CI servers read.
type junitSuite struct {
	XMLName  xml.Name    `xml:"testsuite"`
	Name     string      `xml:"name,attr"`
	Tests    int         `xml:"tests,attr"`
	Failures int         `xml:"failures,attr"`
	Time     float64     `xml:"time,attr"`
	Cases    []junitCase `xml:"testcase"`
}

type junitCase struct {
	Name    string        `xml:"name,attr"`
	Class   string        `xml:"classname,attr"`
	Time    float64       `xml:"time,attr"`
	Failure *junitFailure `xml:"failure,omitempty"`
}

type junitFailure struct {
	Message string `xml:"message,attr"`
	Text    string `xml:",chardata"`
}

func (p *testPrinter) junit(done testDone) {
	file := done.File.Path
	if n := len(p.suites); n == 0 || p.suites[n-1].Name != file {
		p.suites = append(p.suites, junitSuite{Name: file})
	}
	suite := &p.suites[len(p.suites)-1]
	one := junitCase{Name: done.Test.Name.Value, Class: file, Time: done.took.Seconds()}
	if lines := done.Failure(); len(lines) > 0 {
		suite.Failures++
		one.Failure = &junitFailure{Message: lines[0]}
		for _, line := range lines {
			one.Failure.Text += line + "\n"
		}
	}
	suite.Tests++
	suite.Time += one.Time
	suite.Cases = append(suite.Cases, one)
}

func (p *testPrinter) writeJunit() error {
	text, err := xml.MarshalIndent(struct {
		XMLName xml.Name `xml:"testsuites"`
		Suites  []junitSuite
	}{Suites: p.suites}, "", "  ")
	if err != nil {
		return err
	}
	_, err = io.WriteString(p.app.Stdout, xml.Header+string(text)+"\n")
	return err
}

// reads is a request as the customer reads it, line by line; nothing for one that is no message.
func reads(request json.RawMessage) []string {
	var message sampleMessage
	if err := json.Unmarshal(request, &message); err != nil || message.MsgType == "" {
		return nil
	}
	return message.lines()
}
