package sandbox

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
)

// controlRoutes are the requests under /_sandbox/. A page of another site cannot make a browser send the POSTs.
func (s *Sandbox) controlRoutes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /_sandbox/deliveries", s.controlDeliveries)
	mux.HandleFunc("GET /_sandbox/takeovers", s.controlTakeovers)
	mux.HandleFunc("GET /_sandbox/stats", func(w http.ResponseWriter, _ *http.Request) { send(w, jsonReply(http.StatusOK, s.Stats())) })
	mux.HandleFunc("GET /_sandbox/faults", func(w http.ResponseWriter, _ *http.Request) {
		send(w, jsonReply(http.StatusOK, s.faults.Load().counts()))
	})
	mux.HandleFunc("POST /_sandbox/faults", s.controlFaults)
	mux.HandleFunc("POST /_sandbox/reset", func(w http.ResponseWriter, _ *http.Request) {
		if err := s.Reset(); err != nil {
			controlError(w, http.StatusInternalServerError, err)
			return
		}
		send(w, jsonReply(http.StatusOK, s.Stats()))
	})
	s.controlEvents(mux)
	return http.NewCrossOriginProtection().Handler(mux)
}

func controlError(w http.ResponseWriter, status int, err error) {
	send(w, jsonReply(status, map[string]string{"error": err.Error()}))
}

func (s *Sandbox) controlDeliveries(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	list := slices.DeleteFunc(s.Deliveries(), func(d Delivery) bool {
		return query.Has("account") && d.Account != query.Get("account") || query.Has("friend") && d.Friend != query.Get("friend")
	})
	if query.Has("limit") {
		limit, err := strconv.Atoi(query.Get("limit"))
		if err != nil || limit < 0 {
			controlError(w, http.StatusBadRequest, fmt.Errorf("limit=%s: write a whole number", query.Get("limit")))
			return
		}
		list = list[max(0, len(list)-limit):]
	}
	send(w, jsonReply(http.StatusOK, list))
}

func (s *Sandbox) controlTakeovers(w http.ResponseWriter, r *http.Request) {
	state := r.URL.Query().Get("state")
	if !slices.Contains([]string{"", "open", "ended"}, state) {
		controlError(w, http.StatusBadRequest, fmt.Errorf("state=%s: write open or ended, or leave it out", state))
		return
	}
	list := slices.DeleteFunc(s.Takeovers(), func(t Takeover) bool { return state == "open" && !t.Open() || state == "ended" && t.Open() })
	if list == nil {
		list = []Takeover{}
	}
	send(w, jsonReply(http.StatusOK, list))
}

func (s *Sandbox) controlFaults(w http.ResponseWriter, r *http.Request) {
	faults, err := readFaults(w, r)
	if err == nil {
		err = s.SetFaults(faults)
	}
	if err != nil {
		controlError(w, http.StatusBadRequest, err)
		return
	}
	send(w, jsonReply(http.StatusOK, s.faults.Load().counts()))
}

func readFaults(w http.ResponseWriter, r *http.Request) ([]Fault, error) {
	body, err := readBody(w, r)
	if err != nil {
		return nil, fmt.Errorf("reading the body: %w", err)
	}
	var faults []Fault
	if err := json.Unmarshal(body, &faults); err != nil {
		return nil, fmt.Errorf(`write an array of faults in text form, such as ["doSendPublicMes:lose:1%%"]: %w`, err)
	}
	return faults, nil
}
