package engine

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"youmiflow/workflows"
)

// accounts is what the engine knows against operating accounts: which are held, and how often the others have failed in
// a row through their own fault. The ledger is the authority on the first; the second is only this process's.
type accounts struct {
	mu      sync.Mutex
	loaded  bool
	tripped map[accountKey]Account
	faults  map[accountKey]int
}

type accountKey struct{ connection, account string }

func newAccounts() *accounts {
	return &accounts{tripped: map[accountKey]Account{}, faults: map[accountKey]int{}}
}

// book is under what name a run's accounts are kept: a rehearsal must not hold those of real runs.
func (r Run) book() string {
	if r.Sandbox {
		return SandboxAccounts(r.Connection)
	}
	return r.Connection
}

// SandboxAccounts is the name under which the accounts of a connection are kept for its rehearsals.
func SandboxAccounts(connection string) string { return "sandbox:" + connection }

// AccountsOf tells the connection from the name under which its accounts are kept, and whether they are those of rehearsals.
func AccountsOf(book string) (connection string, sandbox bool) {
	return strings.CutPrefix(book, SandboxAccounts(""))
}

// reasonTripped begins the reason of whatever is held for an account, so that it is found again when that is cleared.
func reasonTripped(account string) string { return fmt.Sprintf("the account %s is held", account) }

// text says why the account's calls are held, for people.
func (a Account) text(location *time.Location) string {
	until := " until somebody clears it"
	if !a.Until.IsZero() {
		until = " until " + dateText(a.Until, location)
	}
	return reasonTripped(a.Account) + until + ": " + a.Reason
}

// refreshAccounts reads from the ledger which accounts are held.
func (e *Engine) refreshAccounts(ctx context.Context) error {
	list, err := e.Ledger.Accounts(ctx)
	if err != nil {
		return fmt.Errorf("reading which accounts are held: %w", err)
	}
	held := make(map[accountKey]Account, len(list))
	for _, account := range list {
		held[accountKey{account.Connection, account.Account}] = account
	}
	e.accounts.mu.Lock()
	defer e.accounts.mu.Unlock()
	for key := range e.accounts.tripped {
		if _, still := held[key]; !still {
			delete(e.accounts.faults, key)
		}
	}
	e.accounts.tripped, e.accounts.loaded = held, true
	return nil
}

// knowAccounts reads it the first time.
func (e *Engine) knowAccounts(ctx context.Context) error {
	e.accounts.mu.Lock()
	loaded := e.accounts.loaded
	e.accounts.mu.Unlock()
	if loaded {
		return nil
	}
	return e.refreshAccounts(ctx)
}

// trippedAccount reports whether an account's calls are held. One whose time is up is forgotten: it is tried again.
func (e *Engine) trippedAccount(ctx context.Context, connection, account string) (Account, bool, error) {
	key := accountKey{connection, account}
	if _, held := e.accounts.get(key); !held {
		return Account{}, false, nil
	}
	if err := e.refreshAccounts(ctx); err != nil { // somebody may have cleared it
		return Account{}, false, err
	}
	row, held := e.accounts.get(key)
	if !held || row.Until.IsZero() || e.Now().Before(row.Until) {
		return row, held, nil
	}
	if err := e.commit(ctx, SetAccount{Account{Connection: connection, Account: account}}); err != nil {
		return row, false, fmt.Errorf("forgetting that account %s was held: %w", account, err)
	}
	return row, false, e.refreshAccounts(ctx)
}

func (a *accounts) get(key accountKey) (Account, bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	account, held := a.tripped[key]
	return account, held
}

// fault counts the failures in a row that are an account's own fault, and reports when they are enough. Only a message
// that was sent ends the row: a conversation can be applied for all the same.
func (a *accounts) fault(key accountKey, request Request, outcome Outcome, enough int) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	switch {
	case outcome.AccountFault:
		a.faults[key]++
	case outcome.State == Succeeded && request.Effect == workflows.EffectMessage:
		delete(a.faults, key)
	}
	if a.faults[key] < enough {
		return false
	}
	delete(a.faults, key)
	return true
}

// judge lets an outcome count for or against its account, and holds the account where that is enough.
func (e *Engine) judge(ctx context.Context, connection string, request Request, outcome Outcome) error {
	key := accountKey{connection, request.Account}
	if request.Account == "" || !e.accounts.fault(key, request, outcome, e.TripAfter) {
		return nil
	}
	now := e.Now()
	account := Account{Connection: connection, Account: request.Account, Tripped: true, At: now, Until: now.Add(e.TripFor),
		Reason: fmt.Sprintf("%d failures in a row, the last %s", e.TripAfter, (&Failure{Code: outcome.Code, Message: outcome.Message}).text())}
	e.Logger.ErrorContext(ctx, "an account is held: its calls fail through its own fault", "connection", connection,
		"account", request.Account, "until", account.Until, "reason", account.Reason)
	if err := e.commit(ctx, SetAccount{account}); err != nil {
		return fmt.Errorf("holding account %s: %w", request.Account, err)
	}
	return e.refreshAccounts(ctx)
}

// TripAccount holds the calls of an account of a connection until an instant, or until somebody clears it (zero). The
// other accounts go on. Other processes that share the ledger learn of it within Config.Poll.
func (e *Engine) TripAccount(ctx context.Context, connection, account string, until time.Time, reason, who string) error {
	now := e.Now()
	err := e.commit(ctx, SetAccount{Account{Connection: connection, Account: account, Tripped: true, At: now, Until: until,
		Reason: reason}}, AddAudit{At: now, Who: who, Action: "trip", On: "account " + account, Note: reason})
	if err != nil {
		return fmt.Errorf("holding account %s: %w", account, err)
	}
	return e.refreshAccounts(ctx)
}

// ClearAccount lets the calls of an account go on at once, those too that were held for it. It reports false when the
// account was not held.
func (e *Engine) ClearAccount(ctx context.Context, connection, account, who string) (bool, error) {
	if err := e.refreshAccounts(ctx); err != nil {
		return false, err
	}
	_, held := e.accounts.get(accountKey{connection, account})
	changes := []Change{SetAccount{Account{Connection: connection, Account: account}},
		AddAudit{At: e.Now(), Who: who, Action: "clear", On: "account " + account}}
	if err := e.commit(ctx, changes...); err != nil {
		return held, fmt.Errorf("clearing account %s: %w", account, err)
	}
	runs, err := e.Ledger.Runs(ctx, RunFilter{Statuses: []Status{StatusRunning, StatusPaused}})
	if err != nil {
		return held, fmt.Errorf("looking for runs that wait for account %s: %w", account, err)
	}
	for _, run := range runs {
		if run.book() == connection {
			if err := e.unhold(ctx, run, func(reason string) bool { return strings.HasPrefix(reason, reasonTripped(account)+" ") }); err != nil {
				return held, fmt.Errorf("run %s: %w", run.ID, err)
			}
		}
	}
	return held, e.refreshAccounts(ctx)
}

// unhold lets the items of a run go on that are held for such a reason, and has its lanes looked at.
func (e *Engine) unhold(ctx context.Context, run Run, meant func(reason string) bool) error {
	var changes []Change
	for item, err := range e.Ledger.Items(ctx, ItemFilter{Run: run.ID, Statuses: []Status{StatusHeld}}) {
		if err != nil {
			return fmt.Errorf("looking for held items: %w", err)
		}
		if !meant(item.Reason) || item.Woken() {
			continue
		}
		// It stays held, and is due: whoever is just about to take it up must find it as it was read.
		changes = append(changes, SetItem{ID: item.ID, Run: item.Run, Step: item.Step, From: StatusHeld, To: StatusHeld,
			Reason: item.Reason, Until: e.Now()})
		if len(changes) == snapshotBatch {
			if err := e.commit(ctx, changes...); err != nil {
				return err
			}
			changes = nil
		}
	}
	wakes, err := e.wakes(ctx, run.ID)
	if err != nil {
		return err
	}
	return e.commit(ctx, append(changes, wakes...)...)
}
