package ledger

import (
	"context"
	"crypto/rand"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"youmiflow/engine"
)

// Copy says that a ledger is a copy that Backup has made, and when. What was done since then is not in it.
type Copy struct {
	ID   string // at random
	Made time.Time
}

// CopyError says that the ledger at Path is a copy that nobody has accepted. Nothing may be begun on it: it could be what
// was done already since it was made.
type CopyError struct {
	Path string
	Copy
}

// Error says what to do.
func (e *CopyError) Error() string {
	return fmt.Sprintf("the ledger %s is a backup of %s: it does not know what was sent since then, so nothing goes on before somebody has looked. "+
		"Read \"Restore\" in docs/operations.md, then: youmiflow backup accept", e.Path, e.Made.Local().Format("2006-01-02 15:04:05 MST"))
}

// copyKept is the migration from which on a ledger can say that it is a copy.
const copyKept = 8

// copyOf finds out whether a database of that version is a copy; nil when it is not.
func copyOf(ctx context.Context, db *sql.DB, have int) (*Copy, error) {
	if have < copyKept {
		return nil, nil
	}
	var c Copy
	var made int64
	err := db.QueryRowContext(ctx, `SELECT id, made_at FROM copied`).Scan(&c.ID, &made)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	c.Made = fromMicros(made)
	return &c, err
}

// refuseCopy keeps whoever would work on a copy from it.
func (l *Ledger) refuseCopy(ctx context.Context) error {
	have, err := userVersion(ctx, l.write)
	if err != nil {
		return explain(l.path, err)
	}
	c, err := copyOf(ctx, l.write, have)
	if err != nil {
		return explain(l.path, err)
	}
	if c != nil {
		return &CopyError{Path: l.path, Copy: *c}
	}
	return nil
}

// Copied says of which copy this ledger is the file; nil when it is none, or was accepted.
func (l *Ledger) Copied(ctx context.Context) (*Copy, error) { return copyOf(ctx, l.read, version) }

// AcceptedAt is when a copy was last accepted; zero when none ever was. What was due before that may have been done.
func (l *Ledger) AcceptedAt(ctx context.Context) (time.Time, error) {
	var at int64
	err := l.read.QueryRowContext(ctx, `SELECT coalesce(max(accepted_at), 0) FROM accepted`).Scan(&at)
	return fromMicros(at), err
}

// Acceptance is a person's word that a copy is the ledger from now on.
type Acceptance struct {
	At  time.Time
	Who string
	// Unused says that nobody has worked on the ledger since the copy was made, so that everything goes on as it was.
	Unused bool
}

// Accepted is what it came to.
type Accepted struct {
	Copy
	Runs  []string // that were not over, oldest first: they are paused
	Items int      // of these, of which nobody knows any more
	// Events are how many waited for a run to start, and start none any more.
	Events int
}

// Accept has the copy be the ledger, in one transaction. Unless it is unused, what may have been done since it was made is
// not done again: runs that were not over are paused; those of their items that were not begun are unknown, and what else
// of them would be sent becomes so; events that were not acted on yet, or wait for their run, are passed over. ErrNotCopy.
func (l *Ledger) Accept(ctx context.Context, acceptance Acceptance) (Accepted, error) {
	var done Accepted
	err := l.submit(ctx, &pending{do: func(g *group) error {
		done = Accepted{}
		row, err := g.row(`SELECT id, made_at FROM copied`)
		if err != nil {
			return err
		}
		if row == nil {
			return errRefused{ErrNotCopy}
		}
		done.Copy = Copy{ID: row.text(0), Made: fromMicros(row.int(1))}
		note := "nobody has worked on it since it was made"
		if !acceptance.Unused {
			if err := g.doubt(&done); err != nil {
				return err
			}
			if _, err := g.exec(`INSERT INTO accepted (id, made_at, accepted_at, who) VALUES (?, ?, ?, ?)`,
				done.ID, row.int(1), micros(acceptance.At), acceptance.Who); err != nil {
				return err
			}
			note = fmt.Sprintf("%d runs paused, %d items unknown, %d events that waited passed over", len(done.Runs), done.Items, done.Events)
		}
		if _, err := g.exec(`DELETE FROM copied`); err != nil {
			return err
		}
		return g.addAudit(engine.AddAudit{At: acceptance.At, Who: acceptance.Who, Action: "accept backup",
			On: "backup of " + done.Made.UTC().Format(time.RFC3339), Note: note})
	}}).Wait(ctx)
	if err != nil {
		return Accepted{}, fmt.Errorf("accepting the backup: %w", err)
	}
	return done, nil
}

// doubt has nothing go on by itself that was not over when the copy was made.
func (g *group) doubt(done *Accepted) error {
	cancelled := map[string]bool{}
	if err := g.each(`SELECT id, wanted FROM run WHERE `+openRuns+` ORDER BY sequence`, nil, func(row values) bool {
		done.Runs = append(done.Runs, row.text(0))
		cancelled[row.text(0)] = engine.Wanted(row.text(1)) == engine.WantCancel
		return true
	}); err != nil {
		return err
	}
	for _, run := range done.Runs {
		n, err := g.doubtRun(run, done.Made, cancelled[run])
		if err != nil {
			return fmt.Errorf("run %s: %w", run, err)
		}
		done.Items += n
	}
	if _, err := g.exec(`UPDATE event_cursor SET n = max(n, (SELECT coalesce(max(sequence), 0) FROM event))`); err != nil {
		return err
	}
	n, err := g.exec(`DELETE FROM event_waiting`)
	done.Events = int(n)
	return err
}

// doubtRun pauses a run and has its items that were not begun be unknown. One that is being cancelled goes on with that.
func (g *group) doubtRun(run string, made time.Time, cancelled bool) (int, error) {
	problem := failure(&engine.Failure{Code: engine.CodeCopied, Message: engine.ReasonCopied(made) +
		". Look before you resume it: what was not sent by then is not sent any more, but becomes unknown"})
	args := []driver.Value{micros(made), problem, run}
	statement := `UPDATE run SET copied_at = ?, error = ?, status = 'paused', wanted = 'pause' WHERE id = ?`
	if cancelled {
		statement, args = `UPDATE run SET copied_at = ? WHERE id = ?`, []driver.Value{micros(made), run}
	}
	if _, err := g.exec(statement, args...); err != nil {
		return 0, err
	}
	type foreach struct {
		id, first, last int64
		step            string
	}
	var list []foreach
	if err := g.each(`SELECT id, first, last, step FROM series WHERE run = ? AND step <> ''`, []driver.Value{run}, func(row values) bool {
		list = append(list, foreach{row.int(0), row.int(1), row.int(2), row.text(3)})
		return true
	}); err != nil {
		return 0, err
	}
	total := 0
	for _, one := range list {
		for _, from := range []engine.Status{engine.StatusPending, engine.StatusHeld} {
			n, err := g.exec(`INSERT INTO item_state (id, status, reason, progress, until) SELECT item.id, 'unknown', ?, NULL, 0
				FROM item LEFT JOIN item_state AS now ON now.id = item.id
				WHERE item.id BETWEEN ? AND ? AND item.series = ? AND coalesce(now.status, item.status) = ? AND now.progress IS NULL
				AND NOT EXISTS (SELECT 1 FROM call WHERE call.item = item.id)
				ON CONFLICT DO UPDATE SET status = excluded.status, reason = excluded.reason, until = 0`,
				engine.ReasonCopied(made), one.first, one.last, one.id, string(from))
			if err != nil {
				return 0, err
			}
			g.count(run, countItems, one.step, string(from), -n)
			g.count(run, countItems, one.step, string(engine.StatusUnknown), n)
			total += int(n)
		}
	}
	return total, nil
}

// markCopy has a file that was just written say that it is a copy; one of a copy says what that said.
func markCopy(ctx context.Context, file string, made time.Time) (err error) {
	db, err := sql.Open("sqlite", dataSource(file, "rw", url.Values{"_pragma": {"busy_timeout(5000)", "journal_mode(delete)"}}))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	_, err = db.ExecContext(ctx, `INSERT INTO copied (id, made_at) SELECT ?, ? WHERE NOT EXISTS (SELECT 1 FROM copied)`,
		strings.ToLower(rand.Text()), micros(made))
	return err
}
