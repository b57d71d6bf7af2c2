package sandbox

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// World says who exists. Requests about others are refused, with the code that the vendor's table has for it.
type World struct {
	Accounts     []string // operating accounts; empty: any
	FriendPrefix string   // what a friend's id begins with; "": any
}

// SmallWorld is the one of the examples: the operating accounts 135380 to 135399, and friends whose ids begin with
// wxid_, as ids of personal WeChat do.
func SmallWorld() *World {
	w := &World{FriendPrefix: "wxid_"}
	for account := 135380; account <= 135399; account++ {
		w.Accounts = append(w.Accounts, strconv.Itoa(account))
	}
	return w
}

// check refuses an account or a friend that does not exist. An empty one was not given, and is not checked.
func (w *World) check(account, friend string) error {
	if w == nil {
		return nil
	}
	if account != "" && len(w.Accounts) > 0 && !slices.Contains(w.Accounts, account) {
		return &refusal{codeNoSuchID, fmt.Sprintf("there is no operating account %s in this sandbox; there are %s to %s", account, w.Accounts[0], w.Accounts[len(w.Accounts)-1])}
	}
	if friend != "" && !strings.HasPrefix(friend, w.FriendPrefix) {
		return &refusal{codeNoSuchFriend, fmt.Sprintf("there is no friend %s in this sandbox: ids begin with %s", friend, w.FriendPrefix)}
	}
	return nil
}
