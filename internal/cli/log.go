package cli

import (
	"log/slog"

	"github.com/spf13/cobra"

	"youmiflow/internal/diagnostic"
)

// logFlags say how a daemon writes its log. Other commands write what matters as text.
type logFlags struct {
	format string // text or json
	level  string // debug, info, warning or error; "" is warning, or debug with --verbose
}

func (l *logFlags) add(c *cobra.Command) {
	c.Flags().StringVar(&l.format, "log-format", "text", "how the log is written: text or json")
	c.Flags().StringVar(&l.level, "log-level", "info", "what is logged: debug, info, warning or error, and what is worse")
}

// check refuses words that there are not.
func (l *logFlags) check() error {
	if l.format != "text" && l.format != "json" {
		return usage("--log-format is text or json, not %q", l.format)
	}
	if _, ok := logLevels()[l.level]; !ok {
		return usage("--log-level is debug, info, warning or error, not %q", l.level)
	}
	return nil
}

func logLevels() map[string]slog.Level {
	return map[string]slog.Level{"debug": slog.LevelDebug, "info": slog.LevelInfo, "warning": slog.LevelWarn, "error": slog.LevelError}
}

// structured reports whether machines read all that the process says.
func (a *app) structured() bool { return a.log.format == "json" }

// tell says something to people, or has it be a record of the log, with attributes, where machines read what is said.
func (a *app) tell(text, message string, attributes ...any) {
	if a.structured() {
		a.logger().Info(message, attributes...)
		return
	}
	a.say("%s", text)
}

// recordProblems has each problem be a record.
func (a *app) recordProblems(problems diagnostic.List) {
	problems.Sort()
	for _, one := range problems {
		report := a.logger().Error
		if one.Severity == diagnostic.Warning {
			report = a.logger().Warn
		}
		report(one.Message, "file", one.File, "line", one.Line, "column", one.Column, "code", one.Code)
	}
}

// logger is where the parts of the program write what an operator may want to know. Secrets of the project are hidden.
func (a *app) logger() *slog.Logger {
	level := slog.LevelWarn
	if named, ok := logLevels()[a.log.level]; ok {
		level = named
	}
	if a.verbose {
		level = slog.LevelDebug
	}
	return a.loggerAt(level)
}

func (a *app) loggerAt(level slog.Level) *slog.Logger {
	options := &slog.HandlerOptions{Level: level}
	if a.structured() {
		return slog.New(a.hide.Handler(slog.NewJSONHandler(a.Stderr, options)))
	}
	if a.log.level == "" { // somebody is looking: the day is known
		options.ReplaceAttr = func(_ []string, attr slog.Attr) slog.Attr {
			if attr.Key == slog.TimeKey {
				return slog.String("time", a.zone.clock(attr.Value.Time(), ""))
			}
			return attr
		}
	}
	return slog.New(a.hide.Handler(slog.NewTextHandler(a.Stderr, options)))
}
