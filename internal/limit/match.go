package limit

import (
	"fmt"
	"slices"
	"strings"

	"youmiflow/engine"
	"youmiflow/internal/expression"
	"youmiflow/workflows"
)

// Bounds of what is remembered: rules come with each run's own limits, answers with each account, and each friend where
// a limit asks for it. What exceeds them is forgotten and found out again.
const (
	mostRules   = 1_000
	mostAnswers = 10_000
)

// rule is a limit, ready for use.
type rule struct {
	limit     *workflows.Limit
	pace      pace
	caps      [2]int // an hour, a day; 0: none
	frequency frequency
	rest      rest
	warm      []int // daily caps of the first days
	slowness  int64
	plain     bool // by and match need no machine
	by        plain
	match     piece
	prefix    string          // of its buckets' keys
	sees      map[string]bool // members of call that its expressions read; nil: perhaps any
}

func (l *Limiter) rule(limit *workflows.Limit) *rule {
	if r := l.rules[limit]; r != nil {
		return r
	}
	if len(l.rules) >= mostRules {
		clear(l.rules)
		clear(l.answers)
	}
	r := &rule{limit: limit, pace: paceOf(limit), prefix: prefix(limit), sees: members(limit.By, limit.Match)}
	if by, ok := plainBy(limit.By); ok {
		r.by = by
		r.match, r.plain = plainMatch(limit.Match)
	}
	r.caps = [2]int{limit.Hourly, limit.Daily}
	r.frequency = frequency{per: min(int64(limit.Per), longest), most: min(limit.Max, workflows.MaxContacts)}
	r.slowness = max(r.pace.interval, r.pace.gapMax)
	r.rest, r.warm = restOf(limit), limit.WarmUp
	if r.rest.after > 0 {
		r.slowness += r.rest.longer / int64(r.rest.after)
	}
	if limit.Hourly > 0 || limit.Daily > 0 || len(limit.WarmUp) > 0 {
		r.slowness += longest
	}
	l.rules[limit] = r
	return r
}

// prefix tells the buckets of a limit from those of all others.
func prefix(limit *workflows.Limit) string {
	escape := strings.NewReplacer("%", "%25", "/", "%2F", "=", "%3D", "@", "%40")
	name := escape.Replace(limit.Name) + "="
	if limit.Scope == "" {
		return name
	}
	return escape.Replace(limit.Scope) + "/" + name
}

// members are the members of call that programs read, nil when that cannot be known.
func members(programs ...*expression.Program) map[string]bool {
	sees := map[string]bool{}
	for _, program := range programs {
		if program == nil {
			continue
		}
		for _, reference := range program.Members("call") {
			if reference.Name == "" {
				return nil
			}
			sees[reference.Name] = true
		}
	}
	return sees
}

// question is what a rule's answer depends on; members that it does not read are "".
type question struct {
	rule                                                     *rule
	account, friend, operation, effect, connection, workflow string
}

// answer says whether a call passes a limit, and in which bucket.
type answer struct {
	matches bool
	bucket  string
}

// ask evaluates match and by, or remembers.
func (l *Limiter) ask(r *rule, call engine.LimitedCall) (answer, error) {
	q := question{
		rule: r, account: r.seen("account", call.Account), friend: r.seen("friend", call.Friend),
		operation: r.seen("operation", call.Operation), effect: r.seen("effect", string(call.Effect)),
		connection: r.seen("connection", call.Connection), workflow: r.seen("workflow", call.Workflow),
	}
	if known, ok := l.answers[q]; ok {
		return known, nil
	}
	found, err := r.answer(call)
	if err != nil {
		return answer{}, err
	}
	if len(l.answers) >= mostAnswers {
		clear(l.answers)
	}
	l.answers[q] = found
	return found, nil
}

func (r *rule) seen(member, value string) string {
	if r.sees == nil || r.sees[member] {
		return value
	}
	return ""
}

func (r *rule) answer(call engine.LimitedCall) (answer, error) {
	names := map[string]any{"call": map[string]any{
		"account": call.Account, "friend": call.Friend, "operation": call.Operation,
		"effect": string(call.Effect), "connection": call.Connection, "workflow": call.Workflow,
	}}
	if r.limit.Match != nil {
		value, err := r.limit.Match.Eval(names)
		if err != nil {
			return answer{}, r.failed(fmt.Errorf("match: %w", err))
		}
		if matches, ok := value.(bool); !ok || !matches {
			return answer{}, nil
		}
	}
	if r.limit.By == nil {
		return answer{true, r.prefix}, nil
	}
	value, err := r.limit.By.Eval(names)
	if err != nil {
		return answer{}, r.failed(fmt.Errorf("by: %w", err))
	}
	return answer{true, r.prefix + fmt.Sprint(value)}, nil
}

// spaces reports that calls pass a bucket of the limit, besides its frequency cap.
func (r *rule) spaces() bool {
	return !r.pace.none() || r.caps != [2]int{} || r.rest.after > 0 || len(r.warm) > 0
}

// same reports that a bucket made for one rule does for the other.
func (r *rule) same(other *rule) bool {
	return r == other || r.pace == other.pace && r.caps == other.caps && r.rest == other.rest && slices.Equal(r.warm, other.warm)
}
