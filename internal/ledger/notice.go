package ledger

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"

	"youmiflow/engine"
)

// NoticesKept is how many notices wait at the most.
const NoticesKept = 1000

// Waiting is a notice of which somebody is still to be told.
type Waiting struct {
	Sequence int64
	engine.Notice
	Told []string // who has it already, in the words of NoticeTold
}

func (g *group) addNotice(n engine.Notice) error {
	text, err := json.Marshal(n)
	if err != nil {
		return errRefused{fmt.Errorf("the notice %s: %w", n.ID, err)}
	}
	if _, err := g.exec(`INSERT INTO notice (id, notice, at) VALUES (?, ?, ?) ON CONFLICT DO NOTHING`, n.ID, string(text), micros(n.At)); err != nil {
		return err
	}
	return g.evictNotices()
}

// evictNotices forgets the oldest of too many, and no alarm while there is something else.
func (g *group) evictNotices() error {
	row, err := g.row(`SELECT count(*) FROM notice`)
	if err != nil {
		return err
	}
	excess := row[0].(int64) - NoticesKept
	if excess <= 0 {
		return nil
	}
	_, err = g.exec(`DELETE FROM notice WHERE sequence IN (SELECT sequence FROM notice ORDER BY json_extract(notice, '$.kind') <> ?, sequence LIMIT ?)`,
		string(engine.NoticeEnded), excess)
	return err
}

// Notices returns the notices that wait, those behind a sequence number, oldest first.
func (l *Ledger) Notices(ctx context.Context, after int64) ([]Waiting, error) {
	return collect(ctx, l.read, func(row scanner) (w Waiting, err error) {
		var notice string
		var told sql.NullString
		if err := row.Scan(&w.Sequence, &notice, &told); err != nil {
			return w, err
		}
		if err := json.Unmarshal([]byte(notice), &w.Notice); err != nil {
			return w, fmt.Errorf("notice %d: %w", w.Sequence, err)
		}
		if told.Valid {
			err = json.Unmarshal([]byte(told.String), &w.Told)
		}
		return w, err
	}, `SELECT sequence, notice, told FROM notice WHERE sequence > ? ORDER BY sequence`, after)
}

// NoticeTold keeps who has a notice by now.
func (l *Ledger) NoticeTold(ctx context.Context, sequence int64, told []string) error {
	text, err := json.Marshal(told)
	if err != nil {
		return err
	}
	return l.submit(ctx, &pending{do: func(g *group) error {
		_, err := g.exec(`UPDATE notice SET told = ? WHERE sequence = ?`, string(text), sequence)
		return err
	}}).Wait(ctx)
}

// DropNotice forgets a notice of which nobody is to be told any more.
func (l *Ledger) DropNotice(ctx context.Context, sequence int64) error {
	return l.submit(ctx, &pending{do: func(g *group) error {
		_, err := g.exec(`DELETE FROM notice WHERE sequence = ?`, sequence)
		return err
	}}).Wait(ctx)
}
