package sandbox

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// addRecord adds a todo. As both pages say, leaving SffId out takes the friend's owner away at once.
func (s *Sandbox) addRecord(c call) result {
	t, refused := s.newTodo(c)
	if refused == nil {
		var err error
		if t, err = s.world.addTodo(t); err == nil && t.Creator == "" && t.Friend != "" {
			err = s.own(t.Account, t.Friend, "", c.at)
		}
		refused = err
	}
	if refused != nil {
		return failure(refused)
	}
	if c.operation.name == "AddRecordNew" {
		return result{values: t.ID}
	}
	return result{values: true}
}

func (s *Sandbox) newTodo(c call) (Todo, error) {
	t := Todo{
		Account: c.word("AdWecharId"), Friend: c.word("Weixin"), Creator: c.word("SffId"), Title: c.text("RemindTitle"),
		Content: c.text("FollowupsiTuation"), RemindAt: c.instant("RemindTime"), CreatedAt: c.at, Body: c.body,
	}
	receivers, _ := c.fields["Recipient"].([]any)
	for _, receiver := range receivers {
		t.Receivers = append(t.Receivers, scalar(receiver))
	}
	if err := s.config.World.check(t.Account, t.Friend); err != nil {
		return t, err
	}
	for _, code := range append(slices.Clone(t.Receivers), t.Creator) {
		if err := s.checkStaff(code); err != nil {
			return t, err
		}
	}
	if !t.RemindAt.IsZero() && t.RemindAt.Before(c.at.Truncate(time.Second)) {
		return t, &refusal{codeParameters, "RemindTime is " + written(t.RemindAt) + ": it must not be earlier than now, " + written(c.at)}
	}
	return t, nil
}

// checkStaff refuses staff who do not exist, in a world whose people are known.
func (s *Sandbox) checkStaff(code string) error {
	if code == "" || s.config.World == nil {
		return nil
	}
	if _, ok := s.people.findStaff(code); !ok {
		return &refusal{codeNoSuchStaff, fmt.Sprintf("there is no staff number %s in this sandbox; there are %s to %s", code, s.people.staff[0].code, s.people.staff[len(s.people.staff)-1].code)}
	}
	return nil
}

// own makes a fan somebody's, or nobody's, and tells whoever listens.
func (s *Sandbox) own(account, friend, staff string, at time.Time) error {
	if err := s.world.setOwner(friend, staff); err != nil {
		return err
	}
	s.selections.forget()
	s.pushAttribution(account, friend, staff, at)
	return nil
}

// FinishTodo marks a todo as done, as staff would in the client; the friend becomes the creator's then. ok is false when
// there is no open todo of that number.
func (s *Sandbox) FinishTodo(id int) (ok bool, err error) {
	at := s.config.Clock()
	done, ok, err := s.world.finishTodo(id, at)
	if err == nil && ok && done.Creator != "" && done.Friend != "" {
		err = s.own(done.Account, done.Friend, done.Creator, at)
	}
	return ok, err
}

// Todos are all todos, oldest first.
func (s *Sandbox) Todos() []Todo { return s.world.todos() }

// selectTodos honours the filters of api-202016297; chargeDaffairesId, which it does not describe, is taken as the
// number of one todo.
func (s *Sandbox) selectTodos(c call) []Todo {
	created, remind := c.window("startTimestamp", "endTimestamp"), c.window("remindStartTimestamp", "remindEndTimestamp")
	creator, receiver, account, id := c.word("createStaff"), c.word("remindStaff"), c.word("WecharId"), c.whole(0, "chargeDaffairesId")
	if name := c.word("wechatNober"); name != "" && account == "" {
		account = "-"
		if a, ok := s.people.findAccount(name); ok {
			account = strconv.Itoa(a.id)
		}
	}
	state := c.whole(-1, "usersate")
	return slices.DeleteFunc(s.world.todos(), func(t Todo) bool {
		return !created.holds(t.CreatedAt.Unix()) || remind != (window{}) && !remind.holds(unix(t.RemindAt)) ||
			creator != "" && creator != t.Creator || receiver != "" && !slices.Contains(t.Receivers, receiver) ||
			account != "" && account != t.Account || id != 0 && id != int64(t.ID) || state == 0 && !t.DoneAt.IsZero() || state == 1 && t.DoneAt.IsZero()
	})
}

func (s *Sandbox) getTodoList(c call) result {
	return paged(c, s.selectTodos(c), func(t Todo) map[string]any {
		account, _ := strconv.Atoi(t.Account)
		done := 0
		if !t.DoneAt.IsZero() {
			done = 1
		}
		remind := ""
		if !t.RemindAt.IsZero() {
			remind = written(t.RemindAt)
		}
		return map[string]any{
			"chargeDaffairesId": t.ID, "Weixin": t.Friend, "RemindTitle": t.Title, "FollowupsiTuation": t.Content, "RemindTime": remind,
			"WecharId": account, "createStaff": t.Creator, "remindStaff": strings.Join(t.Receivers, ","), "usersate": done,
			"createTime": written(t.CreatedAt),
		}
	})
}

func (s *Sandbox) getTodoCount(c call) result { return result{values: len(s.selectTodos(c))} }
