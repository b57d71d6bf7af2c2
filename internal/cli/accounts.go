package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"youmiflow/engine"
	"youmiflow/internal/ledger"
	"youmiflow/internal/limit"
	"youmiflow/internal/web/result"
	"youmiflow/workflows"
)

// seenFor is how far back `accounts` looks for accounts.
const seenFor = 30 * 24 * time.Hour

func (a *app) accountsCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "accounts",
		Short: "Each operating account: what it has used of its limits, and whether it is held",
		Long: `Shows the operating accounts that calls were made for in the last 30 days: the messages of today,
what the limits leave, when the next may leave, and whether the account's calls are held.

An account is held after several failures in a row that are its own fault, or by hand
(accounts trip). Its calls wait, those of other accounts go on.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return a.elsewhere(c.Context(), func(ctx context.Context, r remote) error { return r.listAccounts(ctx) },
				func() error { return a.listAccounts(c.Context(), a.sandbox) })
		},
	}
	a.worldFlag(c, "the accounts of rehearsals, which count for themselves")
	a.outputFlag(c)
	a.serverFlag(c)
	c.AddCommand(a.accountsTrip(), a.accountsClear(), a.accountsForget())
	return c
}

func viewCount(c limit.Count) *result.Use {
	if c.Most == 0 {
		return nil
	}
	return &result.Use{Used: c.Used, Most: c.Most}
}

func (a *app) listAccounts(ctx context.Context, sandboxed bool) (err error) {
	project, err := a.openProject(".")
	if err != nil {
		return err
	}
	l, err := a.openReadOnly(ctx, project)
	if err != nil {
		return err
	}
	if l == nil {
		return a.nothingYet(a.newAccountListing())
	}
	defer func() { err = errors.Join(err, l.Close()) }()
	if err := a.sayCopy(ctx, project, l); err != nil {
		return err
	}
	views, err := accountViews(ctx, project, l, sandboxed, time.Now())
	if err != nil {
		return err
	}
	return a.printAccounts(views)
}

func (a *app) newAccountListing() *listing {
	return newListing(a.output, a.Stdout, "CONNECTION", "ACCOUNT", "STATE", a.column("UNTIL"), "TODAY", "NEXT", "REASON")
}

func (a *app) printAccounts(views []result.Account) error {
	list := a.newAccountListing()
	for _, view := range views {
		if err := list.add(view, view.Connection, view.Account, view.State, a.zone.cell(view.Until), today(view), a.zone.cell(view.NextAt), view.Reason); err != nil {
			return err
		}
	}
	if list.count == 0 && a.output == "table" {
		a.say("no account was used yet")
	}
	return list.end()
}

// accountViews are the accounts that were used lately, and those that are held.
func accountViews(ctx context.Context, project *project, l *ledger.Ledger, sandboxed bool, now time.Time) ([]result.Account, error) {
	local := now.In(project.config.Timezone)
	year, month, day := local.Date()
	seen, err := l.Seen(ctx, now.Add(-seenFor), time.Date(year, month, day, 0, 0, 0, 0, project.config.Timezone))
	if err != nil {
		return nil, fmt.Errorf("looking for accounts: %w", err)
	}
	held, err := l.Accounts(ctx)
	if err != nil {
		return nil, fmt.Errorf("looking for accounts that are held: %w", err)
	}
	var reader limit.Reader = l
	if sandboxed {
		reader = sandboxBuckets{l}
	}
	limiter := limit.New(limit.Config{Store: limit.NewOverlayStore(reader), Shared: project.config.Limits, Location: project.config.Timezone})
	views := []result.Account{}
	for _, one := range gather(seen, held, sandboxed) {
		view, err := viewAccount(ctx, limiter, one, now)
		if err != nil {
			return nil, err
		}
		views = append(views, view)
	}
	return views, nil
}

// known is what the ledger has of an account.
type known struct {
	seen ledger.Seen
	held *engine.Account
}

// gather joins the accounts that were seen with those that are held.
func gather(seen []ledger.Seen, held []engine.Account, sandboxed bool) []known {
	var all []known
	places := map[string]int{}
	for _, one := range seen {
		if one.Sandbox == sandboxed {
			places[one.Connection+"\x00"+one.Account] = len(all)
			all = append(all, known{seen: one})
		}
	}
	for _, account := range held {
		connection, rehearsed := engine.AccountsOf(account.Connection)
		if rehearsed != sandboxed {
			continue
		}
		place, found := places[connection+"\x00"+account.Account]
		if !found {
			place = len(all)
			all = append(all, known{seen: ledger.Seen{Connection: connection, Account: account.Account, Sandbox: sandboxed}})
		}
		all[place].held = &account
	}
	return all
}

func viewAccount(ctx context.Context, limiter *limit.Limiter, one known, now time.Time) (result.Account, error) {
	view := result.Account{Connection: one.seen.Connection, Account: one.seen.Account, State: "ready", Today: one.seen.Messages,
		LastAt: result.When(one.seen.LastAt), Limits: []result.AccountLimit{}}
	usage, err := limiter.Usage(ctx, messageOf(one.seen.Connection, one.seen.Account), nil)
	if err != nil {
		return view, fmt.Errorf("looking what account %s has used: %w", view.Account, err)
	}
	next := now
	for _, u := range usage {
		if u.Contacts.Most > 0 {
			continue // of a customer, not of the account
		}
		if u.Next.After(next) {
			next = u.Next
		}
		view.Limits = append(view.Limits, result.AccountLimit{Limit: u.Limit, Hour: viewCount(u.Hour), Day: viewCount(u.Day),
			Rest: viewCount(u.Spell), WarmUpDay: u.WarmUpDay, HeldUntil: result.When(u.Held), NextAt: u.Next})
	}
	view.NextAt = &next
	if held := one.held; held != nil && (held.Until.IsZero() || held.Until.After(now)) {
		view.State, view.Since, view.Until, view.Reason = "held", result.When(held.At), result.When(held.Until), held.Reason
		view.NextAt = result.When(held.Until)
	}
	return view, nil
}

// messageOf is what a message of an account is to the limits.
func messageOf(connection, account string) engine.LimitedCall {
	return engine.LimitedCall{Connection: connection, Account: account, Effect: workflows.EffectMessage}
}

// today is how much of a day's messages an account has used.
func today(v result.Account) string {
	for _, l := range v.Limits {
		if l.Day != nil {
			return fmt.Sprintf("%d of %d", l.Day.Used, l.Day.Most)
		}
	}
	return fmt.Sprint(v.Today)
}

func (a *app) accountsTrip() *cobra.Command {
	var connection, reason string
	var span time.Duration
	c := &cobra.Command{
		Use:   "trip ACCOUNT",
		Short: "Hold the calls of an account; the others go on",
		Args:  cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, arguments []string) error {
			if span < 0 {
				return usage("--for %s: write how long, such as 2h", span)
			}
			if strings.TrimSpace(arguments[0]) == "" {
				return usage("an account is not blank: write which one is to be held")
			}
			return a.elsewhere(c.Context(), func(ctx context.Context, r remote) error {
				return r.tripAccount(ctx, connection, arguments[0], reason, span)
			}, func() error {
				return a.onAccount(c.Context(), a.sandbox, func(ctx context.Context, s *session) error {
					return s.tripAccount(ctx, connection, arguments[0], reason, span)
				})
			})
		},
	}
	c.Flags().StringVar(&connection, "connection", "default", "the connection that the account belongs to")
	c.Flags().StringVar(&reason, "reason", "held by hand", "why, for whoever looks at it later")
	c.Flags().DurationVar(&span, "for", 0, "how long, such as 2h; without it, until somebody clears the account")
	return c
}

func (a *app) accountsForget() *cobra.Command {
	return &cobra.Command{
		Use:   "forget --sandbox",
		Short: "Forget what rehearsals have counted, so that the next one starts afresh",
		Long: `Forgets what rehearsals have counted against the limits: the messages of the hour and the day,
warm-up, and frequency caps. What was sent for real stays counted: there is no command that
forgets it.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if !a.sandbox || a.server != "" {
				return usage("only what rehearsals on this machine have counted can be forgotten: youmiflow accounts forget --sandbox")
			}
			return a.onAccount(c.Context(), true, func(ctx context.Context, s *session) error {
				if err := s.ledger.ForgetBuckets(ctx, sandboxPrefix); err != nil {
					return fmt.Errorf("forgetting what rehearsals have counted: %w", err)
				}
				a.say("what rehearsals have counted is forgotten")
				return nil
			})
		},
	}
}

func (a *app) accountsClear() *cobra.Command {
	var connection string
	c := &cobra.Command{
		Use:   "clear ACCOUNT",
		Short: "Let the calls of an account go on",
		Long: `Lets the calls of an account go on at once. It also frees the account's limits from a wait that
the platform has asked for, and from where a clock that ran ahead has pushed them. What was
counted stays counted.`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, arguments []string) error {
			return a.elsewhere(c.Context(), func(ctx context.Context, r remote) error {
				return r.clearAccount(ctx, connection, arguments[0])
			}, func() error {
				return a.onAccount(c.Context(), a.sandbox, func(ctx context.Context, s *session) error {
					held, err := s.clearAccount(ctx, connection, arguments[0], person(a.Lookup))
					if err != nil {
						return err
					}
					if !held {
						a.say("account %s was not held; its limits are freed of waits", arguments[0])
						return nil
					}
					a.say("the calls of account %s go on", arguments[0])
					return nil
				})
			})
		},
	}
	c.Flags().StringVar(&connection, "connection", "default", "the connection that the account belongs to")
	return c
}

// holdable refuses to hold accounts of a connection that there is not: nobody would be held. Rehearsals need no connections.
func holdable(config *workflows.Project, sandboxed bool, connection string) error {
	if sandboxed && (connection == "default" || len(config.Connections) == 0) {
		return nil
	}
	_, err := config.Connection(connection)
	return err
}

// tripAccount holds the calls of an account for a span of time, or with 0 until somebody clears it.
func (s *session) tripAccount(ctx context.Context, connection, account, reason string, span time.Duration) error {
	if err := holdable(s.project.config, s.sandboxed, connection); err != nil {
		return usage("--connection: %w", err)
	}
	var until time.Time
	if span > 0 {
		until = time.Now().Add(span)
	}
	if err := s.engine.TripAccount(ctx, s.accountsOf(connection), account, until, reason, person(s.app.Lookup)); err != nil {
		return err
	}
	undo := "youmiflow accounts clear " + account
	if s.sandboxed {
		undo += " --sandbox"
	}
	s.app.say("the calls of account %s are held; let them go on with: %s", account, s.project.hint(undo))
	return nil
}

// accountsOf is under what name a connection's accounts are kept.
func (s *session) accountsOf(connection string) string {
	if s.sandboxed {
		return engine.SandboxAccounts(connection)
	}
	return connection
}

// onAccount opens the ledger for one change. Whoever works on it hears of the change by itself.
func (a *app) onAccount(ctx context.Context, sandboxed bool, do func(context.Context, *session) error) error {
	project, err := a.openProject(".")
	if err != nil {
		return err
	}
	return a.onLedger(ctx, project, sandboxed, do)
}
