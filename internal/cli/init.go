package cli

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"
)

//go:embed all:template
var template embed.FS

func (a *app) initCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "init [DIR]",
		Short: "Make a new project folder with a sample campaign",
		Args:  cobra.MaximumNArgs(1),
		RunE: func(_ *cobra.Command, arguments []string) error {
			dir := "."
			if len(arguments) == 1 {
				dir = arguments[0]
			}
			return a.initProject(dir)
		},
	}
}

// initProject writes the template. A file that is there already is left alone, and nothing is written at all when the
// folder has a project.
func (a *app) initProject(dir string) error {
	if _, err := os.Stat(filepath.Join(dir, "youmiflow.yaml")); err == nil {
		return usage("%s has a youmiflow.yaml already: choose another folder", dir)
	}
	files, err := fs.Sub(template, "template")
	if err != nil {
		return err
	}
	err = fs.WalkDir(files, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		return a.writeTemplate(files, name, filepath.Join(dir, filepath.FromSlash(name)))
	})
	if err != nil {
		return &exit{code: exitUsage, cause: fmt.Errorf("making the project in %s: %w", dir, err)}
	}
	if err := a.writeSchemas(dir); err != nil {
		return &exit{code: exitUsage, cause: fmt.Errorf("making the project in %s: %w", dir, err)}
	}
	enter := "  cd " + dir + "\n"
	if filepath.Clean(dir) == "." {
		enter = ""
	}
	a.say("\nNext:\n%s  youmiflow plan workflows/first-campaign.yaml\n  youmiflow run workflows/first-campaign.yaml --sandbox", enter)
	return nil
}

func (a *app) writeTemplate(files fs.FS, name, path string) error {
	text, err := fs.ReadFile(files, name)
	if err != nil {
		return err
	}
	return a.writeNew(path, text)
}

// writeSchemas writes what .vscode/settings.json refers to.
func (a *app) writeSchemas(dir string) error {
	for _, kind := range schemaKinds() {
		text, err := schemaOf(kind)
		if err != nil {
			return err
		}
		if err := a.writeNew(filepath.Join(dir, ".vscode", "youmiflow-"+kind+".schema.json"), text); err != nil {
			return err
		}
	}
	return nil
}

// writeNew writes a file, unless there is one already.
func (a *app) writeNew(path string, text []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if errors.Is(err, fs.ErrExist) {
		a.say("kept   %s", path)
		return nil
	}
	if err != nil {
		return err
	}
	if _, err := file.Write(text); err != nil {
		return errors.Join(err, file.Close())
	}
	a.say("wrote  %s", path)
	return file.Close()
}
