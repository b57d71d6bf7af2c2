package main

import (
	"bytes"
	"fmt"
	"strings"
)

// table writes the operations for docs/platform.md: one table, then what each guess rests on.
func (s *spec) table() []byte {
	var b bytes.Buffer
	b.WriteString("| group | operation | call | mark | source |\n| --- | --- | --- | --- | --- |\n")
	for _, o := range s.operations {
		mark := o.Status
		if mark == "assumed" {
			mark = "**assumed**"
		}
		fmt.Fprintf(&b, "| %s | `%s` %s | `%s %s` | %s | %s |\n", o.group(), o.ID, o.Summary, o.method, o.address(), mark, o.Source)
	}
	b.WriteString("\nWhat was not seen of each, and what a guess rests on:\n\n")
	for _, o := range s.operations {
		if o.Guess == "" {
			continue
		}
		fmt.Fprintf(&b, "- `%s`: %s", o.ID, strings.TrimSpace(o.Guess))
		if o.Paging != nil && o.Paging.Guess != "" {
			fmt.Fprintf(&b, " Paging by `%s` and `%s`: %s.", o.Paging.Page, o.Paging.Size, o.Paging.Guess)
		}
		b.WriteString("\n")
	}
	return b.Bytes()
}

// address is the path, or what is known of the whole address.
func (o operation) address() string {
	if o.group() == "Token" {
		return "https://sso.yunshouzhi.net" + o.path
	}
	if o.version() == "V1" {
		return "V1_BASE" + o.path
	}
	return o.path
}
