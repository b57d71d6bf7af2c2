package cli

import (
	"log/slog"

	"github.com/spf13/cobra"
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
	if a.log.format == "json" {
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
