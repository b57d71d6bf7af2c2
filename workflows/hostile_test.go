package workflows

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// hostile are sources that were made to hurt, with what must be said of them.
func hostile() map[string]struct{ source, want string } {
	bomb := "a0: &a0 [x,x,x,x,x,x,x,x,x]\n"
	for i := 1; i < 30; i++ {
		bomb += fmt.Sprintf("a%d: &a%d [*a%d,*a%d,*a%d]\n", i, i, i-1, i-1, i-1)
	}
	type c = struct{ source, want string }
	return map[string]c{
		"alias bomb":      {bomb, "alias"},
		"10,000 lists":    {strings.Repeat("[", 10_000), "yaml-syntax"},
		"9,000 lists":     {strings.Repeat("[", 9_000) + strings.Repeat("]", 9_000), "too-deep"},
		"a million lists": {strings.Repeat("[", 1_000_000), "yaml-syntax"},
		"10,000 dashes":   {strings.Repeat("- ", 9_999) + "x", "too-deep"},
		"10,000 objects":  {strings.Repeat("{a: ", 5_000) + strings.Repeat("}", 5_000), "too-deep"},
		"too large":       {strings.Repeat("#", MaxSource+1), "too-large"},
		"null bytes":      {strings.Repeat("\x00", 1000), "bad-character"},
		"garbage":         {"\x89PNG\r\n\x1a\n", "not-utf8"},
		"deep braces":     {"steps: [{uses: log, with: {message: '${{ " + strings.Repeat("(", 50_000) + " }}'}}]", "expression"},
		"many steps":      {"steps:\n" + strings.Repeat("- uses: log\n", 50_000), "missing-input"},
		"many keys":       {strings.Repeat("a:\n", 100_000), "duplicate-key"},
	}
}

func TestHostileFilesAreRefusedInOneSentence(t *testing.T) {
	for name, c := range hostile() {
		t.Run(name, func(t *testing.T) {
			workflow, problems := Parse("hostile.yaml", []byte(c.source), newTestCatalogue())
			require.Nil(t, workflow)
			require.True(t, problems.HasErrors())
			require.LessOrEqual(t, len(problems), maxProblems+1)
			require.Contains(t, problems[0].Code, c.want)
			requireInside(t, problems, []byte(c.source))
			for _, p := range problems {
				require.Less(t, len(p.Message), 500)
			}
		})
	}
}

func TestAHugeFileIsNotReadWhole(t *testing.T) {
	path := filepath.Join(t.TempDir(), "huge.yaml")
	f, err := os.Create(path)
	require.NoError(t, err)
	require.NoError(t, f.Truncate(100<<20))
	require.NoError(t, f.Close())
	allocated := testing.AllocsPerRun(1, func() {
		workflow, problems := Load(path, newTestCatalogue())
		require.Nil(t, workflow)
		require.Equal(t, "too-large", problems[0].Code)
		require.Contains(t, problems[0].Message, "1 MiB")
	})
	require.Less(t, allocated, 200.0)
	source, problems := readFile(path)
	require.Empty(t, problems)
	require.Len(t, source, MaxSource+1)
}

func TestFilesThatCannotBeRead(t *testing.T) {
	_, problems := Load(filepath.Join(t.TempDir(), "none.yaml"), newTestCatalogue())
	require.Equal(t, "unreadable", problems[0].Code)
	require.Contains(t, problems[0].Message, "there is no such file")
	_, problems = Load(t.TempDir(), newTestCatalogue())
	require.Contains(t, problems[0].Message, "not a regular file")
}

func FuzzParse(f *testing.F) {
	for _, folder := range []string{"testdata/err", "testdata/ok"} {
		files, err := filepath.Glob(folder + "/*.yaml")
		require.NoError(f, err)
		for _, file := range files {
			source, err := os.ReadFile(file)
			require.NoError(f, err)
			f.Add(source)
		}
	}
	f.Add([]byte("steps: [{ id: g, call: greet, with: { friend: \"${{ run.id }}\" } }, { call: fuzz }, { call: lost }]"))
	catalogue := newTestCatalogue()
	f.Fuzz(func(t *testing.T, source []byte) {
		folder := memory{"greet": greet, "fuzz": string(source)}
		workflow, problems := ParseIn("fuzz.yaml", source, catalogue, folder)
		require.Equal(t, workflow == nil, problems.HasErrors())
		requireInside(t, problems, source)
		again, same := ParseIn("fuzz.yaml", source, catalogue, folder)
		require.Equal(t, problems, same, "the same source has the same problems")
		if workflow != nil {
			requireWhole(t, workflow)
			require.Equal(t, paths(workflow), paths(again))
		}
	})
}

// requireWhole checks what the engine relies on.
func requireWhole(t testing.TB, w *Workflow) {
	t.Helper()
	w.Each(func(step *Step) {
		require.NotEmpty(t, step.Path)
		kinds := 0
		for _, there := range []bool{step.Uses != nil, step.Foreach != nil, step.Parallel != nil, step.Call != nil, step.Wait != nil, step.Approve != nil, step.Set != nil} {
			if there {
				kinds++
			}
		}
		require.True(t, kinds == 1 || kinds == 0 && len(step.Steps) > 0, "a step of %d kinds at %v", kinds, step.Span)
		switch {
		case step.Uses != nil:
			require.NotNil(t, step.Uses.Type)
			require.NotNil(t, step.Uses.With)
		case step.Call != nil:
			require.NotNil(t, step.Call.With)
			require.NotNil(t, w.Calls[step.Call.Workflow])
		case step.Wait != nil:
			forms := 0
			for _, given := range []bool{step.Wait.Duration != nil, step.Wait.At != nil, step.Wait.Until != nil} {
				if given {
					forms++
				}
			}
			require.Equal(t, 1, forms)
			require.True(t, step.Wait.Until == nil || step.Wait.Every > 0 && step.Wait.For > 0)
		case step.Foreach != nil:
			require.NotNil(t, step.Foreach.In)
			for _, wave := range step.Foreach.Waves {
				require.True(t, wave.Count > 0 || wave.Percent > 0)
			}
		}
	})
}

func paths(w *Workflow) []string {
	var list []string
	w.Each(func(step *Step) { list = append(list, step.Path) })
	return list
}

// BenchmarkLoadFolder1000 loads a folder of a thousand files as people write them, each of which calls another.
func BenchmarkLoadFolder1000(b *testing.B) {
	source, err := os.ReadFile("testdata/bench.yaml")
	require.NoError(b, err)
	dir := b.TempDir()
	for i := range 1000 {
		text := strings.ReplaceAll(string(source), "NEXT", fmt.Sprintf("w%04d", i+1))
		require.NoError(b, os.WriteFile(filepath.Join(dir, fmt.Sprintf("w%04d.yaml", i)), []byte(text), 0o600))
	}
	last := "params: { friend: { required: true } }\nsteps: [{ uses: log, with: { message: hi } }]\noutputs: { sent: 1 }\n"
	require.NoError(b, os.WriteFile(filepath.Join(dir, "w1000.yaml"), []byte(last), 0o600))
	catalogue := newTestCatalogue()
	b.ReportAllocs()
	for b.Loop() {
		if loaded, problems := LoadFolder(dir, catalogue); len(loaded) != 1001 {
			b.Fatal(problems)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Milliseconds())/float64(b.N), "ms/1000files")
}

func BenchmarkParse(b *testing.B) {
	source, err := os.ReadFile("../examples/double11/campaign.yaml")
	require.NoError(b, err)
	catalogue := newTestCatalogue()
	b.ReportAllocs()
	for b.Loop() {
		if workflow, problems := Parse("x.yaml", source, catalogue); workflow == nil {
			b.Fatal(problems)
		}
	}
}
