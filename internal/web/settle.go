package web

import (
	"net/http"

	"youmiflow/engine"
	"youmiflow/internal/web/result"
	"youmiflow/workflows"
)

// settleBody is how unknown messages are settled: with neither an item nor all, by reading the chats back.
type settleBody struct {
	Item string `json:"item,omitempty" jsonschema:"the one item to settle by hand, by its key or number from 1"`
	All  bool   `json:"all,omitempty" jsonschema:"true: everything that is unknown of the run is settled by hand, all in the same way"`
	As   string `json:"as,omitempty" jsonschema:"what became of that item, or of all: sent or not-sent; without item and all the chats are read"`
}

// check refuses a body that does not say what is meant.
func (b settleBody) check() error {
	byHand := b.Item != "" || b.All
	if b.Item != "" && b.All || byHand != (b.As != "") || b.As != "" && b.As != "sent" && b.As != "not-sent" {
		return refuse(codeBody, "to settle by hand, write item or all, and as: sent or not-sent; to have the chats read, none of them")
	}
	return nil
}

func (s *Server) settling() route {
	return route{method: http.MethodPost, path: "/runs/{run}/settle", id: "settleRun", tag: "runs", role: workflows.RoleOperator,
		summary: "Find out what became of a run's unknown calls: from the chats, or from a person. Nothing is sent",
		action:  taking(http.StatusOK, s.settle), problems: []code{codeNotFound, codeState, codePlatform}}
}

// settle has the engine keep who settled what.
func (s *Server) settle(r *request, body settleBody) (result.Settled, error) {
	if err := body.check(); err != nil {
		return result.Settled{}, err
	}
	run, err := s.run(r)
	if err != nil {
		return result.Settled{}, err
	}
	var done engine.Settlement
	switch {
	case body.All:
		done, err = s.config.Steering.SettleAll(r.Context(), run, body.As == "sent", r.who.Name)
	case body.Item != "":
		done, err = s.settleItem(r, run, body)
	default:
		done, err = s.config.Steering.SettleByChat(r.Context(), run, r.who.Name)
	}
	if err != nil {
		return result.Settled{}, err
	}
	doubt, err := engine.DoubtOf(r.Context(), s.config.Ledger, run.ID)
	if err != nil {
		return result.Settled{}, err
	}
	var outdated []string
	if done.Settled > 0 {
		if outdated, err = s.config.Steering.Reports(r.Context(), run); err != nil {
			return result.Settled{}, err
		}
	}
	now, err := s.again(r, run.ID)
	return result.Settled{Settled: done.Settled, Left: doubt.Messages, Run: now, Reports: outdated}, err
}

func (s *Server) settleItem(r *request, run engine.Run, body settleBody) (engine.Settlement, error) {
	item, err := engine.UnknownItem(r.Context(), s.config.Ledger, run.ID, body.Item)
	if err != nil {
		return engine.Settlement{}, err
	}
	return s.config.Steering.SettleItem(r.Context(), item, body.As == "sent", r.who.Name)
}
