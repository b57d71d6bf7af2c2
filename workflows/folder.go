package workflows

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"youmiflow/internal/diagnostic"
)

// Loader loads workflow files. A file that several others call is read and checked once. It is for one reading: files that
// change later are not looked at again. It must not be used by two goroutines at once.
type Loader struct {
	catalogue Catalogue
	libraries map[string]*library // by folder
}

// NewLoader makes a Loader.
func NewLoader(catalogue Catalogue) *Loader {
	return &Loader{catalogue: catalogue, libraries: map[string]*library{}}
}

// Load reads the workflow at path, at most MaxSource bytes of it; what it calls is looked for in its folder. A file that
// cannot be read is a problem like others.
func (l *Loader) Load(path string) (*Workflow, diagnostic.List) {
	dir := filepath.Dir(path)
	shelf := l.libraries[dir]
	if shelf == nil {
		shelf = newLibrary(l.catalogue, &dirFolder{dir: dir})
		l.libraries[dir] = shelf
	}
	d := shelf.documents[filepath.Clean(path)]
	if d == nil {
		source, problems := readFile(path)
		if problems != nil {
			return nil, problems
		}
		d = shelf.add(path, source)
	}
	return shelf.parse(d)
}

// dirFolder finds workflows among the files of a folder.
type dirFolder struct {
	dir   string
	files []string            // workflow files, sorted; nil before they are looked for
	given map[string][]string // files by the name that they give themselves; nil before
}

// Source finds a workflow by its file's name without suffix, else by the `name` that it gives itself.
func (f *dirFolder) Source(name string) (string, []byte, error) {
	if strings.ContainsAny(name, `/\`) || strings.HasPrefix(name, ".") {
		return "", nil, fmt.Errorf("a call names a workflow of its own folder, without path and suffix, and not %q", name)
	}
	if err := f.list(); err != nil {
		return "", nil, err
	}
	for _, suffix := range []string{".yaml", ".yml"} {
		if slices.Contains(f.files, name+suffix) {
			return f.read(name + suffix)
		}
	}
	if f.given == nil {
		f.byGivenName()
	}
	switch files := f.given[name]; len(files) {
	case 0:
		return "", nil, fmt.Errorf("there is no workflow %q in the folder %s", name, f.dir)
	case 1:
		return f.read(files[0])
	default:
		return "", nil, fmt.Errorf("several workflows are named %q: %s", name, strings.Join(files, ", "))
	}
}

func (f *dirFolder) list() error {
	if f.files != nil {
		return nil
	}
	entries, err := os.ReadDir(f.dir)
	if err != nil {
		return fmt.Errorf("the folder %s cannot be read: %s", f.dir, reason(err))
	}
	f.files = []string{}
	for _, entry := range entries {
		if !entry.IsDir() && IsWorkflowFile(entry.Name()) {
			f.files = append(f.files, entry.Name())
		}
	}
	return nil
}

func (f *dirFolder) read(file string) (string, []byte, error) {
	path := filepath.Join(f.dir, file)
	source, problems := readFile(path)
	if problems != nil {
		return "", nil, fmt.Errorf("%s: %s", path, problems[0].Message)
	}
	return path, source, nil
}

// givenName is the line of a file that names the workflow.
var givenName = regexp.MustCompile(`(?m)^name:[ \t]+(.+)$`)

// byGivenName looks into every file for its name. One that cannot be read has none: whoever calls it is told that there is
// no such workflow, and the file's own check says why.
func (f *dirFolder) byGivenName() {
	f.given = map[string][]string{}
	for _, file := range f.files {
		_, source, err := f.read(file)
		if err != nil {
			continue
		}
		if name := nameIn(source); name != "" {
			f.given[name] = append(f.given[name], file)
		}
	}
}

// nameIn is the name that a text gives the workflow.
func nameIn(source []byte) string {
	line := givenName.FindSubmatch(source)
	if line == nil {
		return ""
	}
	var node yaml.Node
	if decodeOne(yaml.NewDecoder(bytes.NewReader(line[1])), &node) != nil || len(node.Content) == 0 {
		return ""
	}
	return node.Content[0].Value
}

// Names are all that can be called.
func (f *dirFolder) Names() []string {
	var names []string
	for _, file := range f.files {
		names = append(names, stem(file))
	}
	for name := range f.given {
		names = append(names, name)
	}
	slices.Sort(names)
	return slices.Compact(names)
}
