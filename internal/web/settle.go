package web

import (
	"net/http"

	"youmiflow/engine"
	"youmiflow/internal/web/result"
	"youmiflow/workflows"
)

// settleBody is how unknown calls are settled: without an item, by reading the chats back.
type settleBody struct {
	Item string `json:"item,omitempty" jsonschema:"the one item to settle by hand, by its key or number from 1; without it the chats are read"`
	As   string `json:"as,omitempty" jsonschema:"what became of that item: sent or not-sent"`
}

func (s *Server) settling() route {
	return route{method: http.MethodPost, path: "/runs/{run}/settle", id: "settleRun", tag: "runs", role: workflows.RoleOperator,
		summary: "Find out what became of a run's unknown calls: from the chats, or from a person. Nothing is sent",
		action:  taking(http.StatusOK, s.settle), problems: []code{codeNotFound, codeState, codePlatform}}
}

// settle has the engine keep who settled what.
func (s *Server) settle(r *request, body settleBody) (result.Settled, error) {
	if (body.Item == "") != (body.As == "") || body.As != "" && body.As != "sent" && body.As != "not-sent" {
		return result.Settled{}, refuse(codeBody, "item and as go together: write the item, and as: sent or not-sent; or neither")
	}
	run, err := s.run(r)
	if err != nil {
		return result.Settled{}, err
	}
	var done engine.Settlement
	if body.Item == "" {
		done, err = s.config.Steering.SettleByChat(r.Context(), run, r.who.Name)
	} else {
		done, err = s.settleItem(r, run, body)
	}
	if err != nil {
		return result.Settled{}, err
	}
	now, err := s.again(r, run.ID)
	return result.Settled{Settled: done.Settled, Left: now.Calls.Unknown, Run: now}, err
}

func (s *Server) settleItem(r *request, run engine.Run, body settleBody) (engine.Settlement, error) {
	item, err := engine.UnknownItem(r.Context(), s.config.Ledger, run.ID, body.Item)
	if err != nil {
		return engine.Settlement{}, err
	}
	done, err := s.config.Steering.SettleItem(r.Context(), item, body.As == "sent", r.who.Name)
	if err == nil && done.Settled == 0 {
		err = engine.ErrNotUnknown
	}
	return done, err
}
