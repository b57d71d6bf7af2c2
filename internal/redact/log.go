package redact

import (
	"context"
	"fmt"
	"log/slog"
)

// Error hides the secrets in an error's text. The error stays what it is for errors.Is and errors.As.
func (r *Redactor) Error(err error) error {
	if r == nil || err == nil {
		return err
	}
	text := err.Error()
	if hidden := r.Text(text); hidden != text {
		return &hiding{text: hidden, err: err}
	}
	return err
}

type hiding struct {
	text string
	err  error
}

func (h *hiding) Error() string { return h.text }
func (h *hiding) Unwrap() error { return h.err }

// Handler hides the secrets in what is logged.
func (r *Redactor) Handler(next slog.Handler) slog.Handler {
	if r == nil {
		return next
	}
	return &hidingLog{redactor: r, next: next}
}

type hidingLog struct {
	redactor *Redactor
	next     slog.Handler
}

func (h *hidingLog) Enabled(ctx context.Context, level slog.Level) bool {
	return h.next.Enabled(ctx, level)
}

func (h *hidingLog) Handle(ctx context.Context, record slog.Record) error {
	hidden := slog.NewRecord(record.Time, record.Level, h.redactor.Text(record.Message), record.PC)
	record.Attrs(func(attr slog.Attr) bool {
		hidden.AddAttrs(h.attr(attr))
		return true
	})
	return h.next.Handle(ctx, hidden)
}

func (h *hidingLog) WithAttrs(attrs []slog.Attr) slog.Handler {
	hidden := make([]slog.Attr, len(attrs))
	for i, attr := range attrs {
		hidden[i] = h.attr(attr)
	}
	return &hidingLog{h.redactor, h.next.WithAttrs(hidden)}
}

func (h *hidingLog) WithGroup(name string) slog.Handler {
	return &hidingLog{h.redactor, h.next.WithGroup(name)}
}

func (h *hidingLog) attr(attr slog.Attr) slog.Attr {
	value := attr.Value.Resolve()
	switch value.Kind() {
	case slog.KindString:
		value = slog.StringValue(h.redactor.Text(value.String()))
	case slog.KindGroup:
		inner := make([]slog.Attr, len(value.Group()))
		for i, one := range value.Group() {
			inner[i] = h.attr(one)
		}
		value = slog.GroupValue(inner...)
	case slog.KindAny:
		value = h.any(value)
	}
	return slog.Attr{Key: attr.Key, Value: value}
}

// any leaves a value as it is unless a secret would be seen in it.
func (h *hidingLog) any(value slog.Value) slog.Value {
	if err, ok := value.Any().(error); ok {
		return slog.AnyValue(h.redactor.Error(err))
	}
	text := fmt.Sprintf("%+v", value.Any())
	if hidden := h.redactor.Text(text); hidden != text {
		return slog.StringValue(hidden)
	}
	return value
}
