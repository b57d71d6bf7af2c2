package folder_test

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"youmiflow/internal/folder"
	"youmiflow/steps"
	"youmiflow/workflows"
)

// text is what stands in a file of the model.
type text struct {
	name   string
	good   bool // leaving calls aside
	calls  string
	number int
}

func (x text) String() string {
	switch {
	case !x.good:
		return fmt.Sprintf("name: %s\nsteps:\n  - uses: nothing.%d\n", x.name, x.number)
	case x.calls != "":
		return fmt.Sprintf("name: %s\ndescription: v%d\nsteps:\n  - call: %s\n", x.name, x.number, x.calls)
	}
	return good(x.name, fmt.Sprint(x.number))
}

// model says in the plainest way what should be in force.
type model struct {
	files  map[string]text
	last   map[string]text   // last good, by file
	owners map[string]string // files by the names that are theirs
}

// look is what a look at the folder should make of it.
func (m *model) look() {
	last := map[string]text{}
	sound := map[string]bool{}
	known := func(file string, x text) {
		if before, ok := m.last[file]; ok {
			last[file] = before
			return
		}
		for _, gone := range slices.Sorted(maps.Keys(m.last)) {
			if _, there := m.files[gone]; !there && m.last[gone].name == x.name {
				last[file] = m.last[gone]
				return
			}
		}
	}
	for _, file := range slices.Sorted(maps.Keys(m.files)) {
		x := m.files[file]
		if sound[file] = x.good && x.calls == ""; !sound[file] && x.calls == "" {
			known(file, x)
		} else if before, ok := m.last[file]; ok {
			last[file] = before
		}
	}
	for _, file := range slices.Sorted(maps.Keys(m.files)) { // what calls others
		if x := m.files[file]; x.calls != "" {
			callee := x.calls + ".yaml"
			_, there := m.files[callee]
			_, was := last[callee]
			if sound[file] = x.good && there && (sound[callee] || was); !sound[file] {
				known(file, x)
			}
		}
	}
	m.claim(sound, last)
}

// claim gives every name to one file.
func (m *model) claim(sound map[string]bool, last map[string]text) {
	owners := map[string]string{}
	wants := func(file string) (string, bool) {
		if sound[file] {
			return m.files[file].name, true
		}
		before, ok := last[file]
		return before.name, ok
	}
	files := slices.Sorted(maps.Keys(m.files))
	for _, file := range files {
		if name, ok := wants(file); ok && (owners[name] == "" || m.owners[name] == file) {
			owners[name] = file
		}
	}
	for _, file := range files {
		if sound[file] && owners[m.files[file].name] != file {
			sound[file] = false
		}
	}
	for _, file := range files {
		if name, ok := wants(file); ok && owners[name] == "" {
			owners[name] = file
		}
	}
	m.owners, m.last = owners, map[string]text{}
	for name, file := range owners {
		m.last[file] = last[file]
		if sound[file] {
			m.last[file] = m.files[file]
		}
		if m.last[file].name != name {
			panic("the model contradicts itself")
		}
	}
}

// inForce are the texts by name.
func (m *model) inForce() map[string]string {
	found := map[string]string{}
	for name, file := range m.owners {
		found[name] = m.last[file].String()
	}
	return found
}

// TestRandomEdits: whatever is written, broken, mended, renamed and deleted, alone or together, and whenever the daemon is
// started again, what is in force is what the model says.
func TestRandomEdits(t *testing.T) {
	catalogue, err := steps.New(steps.Config{})
	require.NoError(t, err)
	plain, callers, names := []string{"f0.yaml", "f1.yaml", "f2.yaml"}, []string{"z0.yaml", "z1.yaml"}, []string{"n0", "n1", "n2"}
	rapid.Check(t, func(t *rapid.T) {
		root, err := os.MkdirTemp("", "folder")
		require.NoError(t, err)
		defer func() { require.NoError(t, os.RemoveAll(root)) }()
		dir := filepath.Join(root, "workflows")
		require.NoError(t, os.Mkdir(dir, 0o755))
		config := folder.Config{Root: root, Dir: dir, Catalogue: catalogue, Texts: newTexts()}
		f, err := folder.Open(t.Context(), config)
		require.NoError(t, err)
		m := &model{files: map[string]text{}, last: map[string]text{}, owners: map[string]string{}}
		number := 0
		write := func(file string, x text) {
			m.files[file] = x
			require.NoError(t, os.WriteFile(filepath.Join(dir, file), []byte(x.String()), 0o644))
		}
		edit := func(t *rapid.T) {
			number++
			group := rapid.SampledFrom([][]string{plain, plain, callers}).Draw(t, "group")
			file := rapid.SampledFrom(group).Draw(t, "file")
			x, there := m.files[file]
			switch rapid.SampledFrom([]string{"write", "break", "mend", "rename", "delete"}).Draw(t, "edit") {
			case "write":
				x = text{name: rapid.SampledFrom(names).Draw(t, "name"), good: true, number: number}
				if group[0] == callers[0] {
					x.name, x.calls = "caller-"+x.name, strings.TrimSuffix(rapid.SampledFrom(plain).Draw(t, "callee"), ".yaml")
				}
				write(file, x)
			case "break":
				if there {
					x.good, x.calls, x.number = false, "", number
					write(file, x)
				}
			case "mend":
				if there && group[0] == plain[0] {
					x.good, x.number = true, number
					write(file, x)
				}
			case "rename":
				to := rapid.SampledFrom(group).Draw(t, "to")
				if there && to != file {
					require.NoError(t, os.Rename(filepath.Join(dir, file), filepath.Join(dir, to)))
					m.files[to] = x
					delete(m.files, file)
				}
			case "delete":
				if there {
					require.NoError(t, os.Remove(filepath.Join(dir, file)))
					delete(m.files, file)
				}
			}
		}
		t.Repeat(map[string]func(*rapid.T){
			"one edit":  edit,
			"two edits": func(t *rapid.T) { edit(t); edit(t) },
			"a restart": func(t *rapid.T) {
				edit(t) // while nobody looks
				f, err = folder.Open(t.Context(), config)
				require.NoError(t, err)
			},
			"": func(t *rapid.T) {
				m.look()
				f.Look(t.Context())
				agrees(t, f.Snapshot(), m)
			},
		})
	})
}

func sourcesOf(reach []*workflows.Resting) (list []string) {
	for _, one := range reach {
		list = append(list, string(one.Source))
	}
	return list
}

func agrees(t *rapid.T, s *folder.Snapshot, m *model) {
	found := map[string]string{}
	for i, one := range s.Workflows {
		require.True(t, i == 0 || s.Workflows[i-1].Name < one.Name, "each name once, in order")
		require.Equal(t, one.Broken, one.Problems.HasErrors(), "%s", one.File)
		if one.Workflow == nil {
			continue
		}
		require.Equal(t, one.Name, one.Workflow.Name)
		require.Equal(t, "workflows/"+m.owners[one.Name], one.File)
		found[one.Name] = string(one.Workflow.Source)
		whole, err := one.Workflow.Open()
		require.NoError(t, err)
		require.Equal(t, sourcesOf(one.Workflow.Reach()), sourcesOf(whole.Rest(nil).Reach()), "it is read again as it was checked")
		for name, callee := range one.Workflow.Calls {
			// A call means a file, so it finds a good text there also when that cannot have the name it wants.
			file := name + ".yaml"
			if now, there := m.last[file]; there && !one.Broken && (now.name == m.files[file].name || !m.files[file].good) {
				require.Equal(t, now.String(), string(callee.Source), "%s calls %s as it is in force", one.Name, name)
			}
		}
	}
	require.Equal(t, m.inForce(), found, "%v", s.Problems)
}
