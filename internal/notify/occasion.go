package notify

import (
	"fmt"
	"strings"
)

// On is what rules wait for.
type On string

// What there is to be told of.
const (
	RunFailed      On = "run-failed"      // a run ended failed
	RunPaused      On = "run-paused"      // a run paused on its own: too many failures, or somebody said no
	UnknownLeft    On = "unknown-left"    // a run ended with messages of which nobody knows whether they arrived
	TakeoverStuck  On = "takeover-stuck"  // a conversation could not be handed back
	AccountTripped On = "account-tripped" // an account is held after failures of its own
	ScheduleMissed On = "schedule-missed" // an instant passed while nobody was there
	Approval       On = "approval"        // a run waits for a person's decision
)

// Ons lists them all.
func Ons() []On {
	return []On{RunFailed, RunPaused, UnknownLeft, TakeoverStuck, AccountTripped, ScheduleMissed, Approval}
}

// Occasion is one thing to tell. It holds no customer's data: neither names nor texts nor ids of friends.
type Occasion struct {
	On       On
	Workflow string
	Run      string // "" when it concerns none
	Account  string // of AccountTripped
	Step     string // of Approval
	Detail   string // a reason or a question, in whatever language it came
	Failed   int    // items
	Unknown  int
	Total    int
}

// subject tells occasions of one thing from others: those of one subject are told once within Quiet.
func (o Occasion) subject() string {
	return strings.Join([]string{string(o.On), o.Workflow, o.Run, o.Account, o.Step}, "\x00")
}

// Language is that of a channel's texts.
type Language string

// The languages.
const (
	Chinese Language = "zh"
	English Language = "en"
)

// Text says the occasion to people. More is how many of the same kind were left out before it.
func (o Occasion) Text(language Language, more int) Message {
	say := english
	if language == Chinese {
		say = chinese
	}
	m := say(o)
	if o.Detail != "" {
		m.Text += "\n" + cut(o.Detail, 600)
	}
	if o.Run != "" && o.On != Approval {
		m.Text += "\nyoumiflow runs show " + o.Run
	}
	if more > 0 {
		m.Text += "\n" + map[bool]string{
			true:  fmt.Sprintf("（另有 %d 条同类通知未单独发送）", more),
			false: fmt.Sprintf("(and %d more of the same kind that were not sent one by one)", more),
		}[language == Chinese]
	}
	return m
}

func english(o Occasion) Message {
	switch o.On {
	case RunFailed:
		return Message{Title: "Run failed: " + o.Workflow, Text: fmt.Sprintf("%d of %d recipients failed, %d unknown.", o.Failed, o.Total, o.Unknown)}
	case RunPaused:
		return Message{Title: "Run paused: " + o.Workflow, Text: "It goes on when somebody resumes it: youmiflow runs resume " + o.Run}
	case UnknownLeft:
		return Message{Title: "Outcome unknown: " + o.Workflow, Text: fmt.Sprintf("Of %d of %d recipients nobody knows whether the message arrived. They are not messaged again on their own.", o.Unknown, o.Total)}
	case TakeoverStuck:
		return Message{Title: "A conversation is still taken over: " + o.Workflow, Text: "It could not be handed back, and nobody answers there. See: youmiflow doctor"}
	case AccountTripped:
		return Message{Title: "Account held: " + o.Account, Text: "Its calls wait. When it is well again: youmiflow accounts clear " + o.Account}
	case ScheduleMissed:
		return Message{Title: "Schedule missed: " + o.Workflow, Text: "Nobody was there at the time. See: youmiflow schedule list"}
	case Approval:
		return Message{Title: "A decision is needed: " + o.Workflow, Text: fmt.Sprintf("youmiflow runs approve %s %s\nyoumiflow runs reject %s %s", o.Run, o.Step, o.Run, o.Step)}
	}
	return Message{Title: string(o.On)}
}

func chinese(o Occasion) Message {
	switch o.On {
	case RunFailed:
		return Message{Title: "运行失败：" + o.Workflow, Text: fmt.Sprintf("%d / %d 位收件人失败，%d 位结果未知。", o.Failed, o.Total, o.Unknown)}
	case RunPaused:
		return Message{Title: "运行已暂停：" + o.Workflow, Text: "有人恢复后才会继续：youmiflow runs resume " + o.Run}
	case UnknownLeft:
		return Message{Title: "结果未知：" + o.Workflow, Text: fmt.Sprintf("%d / %d 位收件人无法确认消息是否送达，系统不会自动重发。", o.Unknown, o.Total)}
	case TakeoverStuck:
		return Message{Title: "会话仍被接管：" + o.Workflow, Text: "无法交还，目前没有人接待。请查看：youmiflow doctor"}
	case AccountTripped:
		return Message{Title: "账号已暂停调用：" + o.Account, Text: "恢复正常后执行：youmiflow accounts clear " + o.Account}
	case ScheduleMissed:
		return Message{Title: "错过定时：" + o.Workflow, Text: "到点时守护进程不在。请查看：youmiflow schedule list"}
	case Approval:
		return Message{Title: "等待审批：" + o.Workflow, Text: fmt.Sprintf("youmiflow runs approve %s %s\nyoumiflow runs reject %s %s", o.Run, o.Step, o.Run, o.Step)}
	}
	return Message{Title: string(o.On)}
}
