// Package calendar calculates when a schedule fires and when a send window is open: cron expressions and windows, in a
// time zone, on the days on which its clock is changed too. Here belongs what follows from an instant alone; who fires,
// and what happens to a fire that was missed, is the engine's.
//
// It imports robfig/cron/v3, which turns the fields of an expression into sets, and the standard library; nothing else of
// this project. Nothing here reads the time: every answer follows from the instant that is passed in.
//
// Days on which the clock is changed are as in vixie cron. An hour that is named (9, or 9-17, or 8,20) is fixed: a time
// that the clock leaves out fires at the first instant after the gap, and a time that it shows twice fires once, the first
// time. An hour that is a star or has a step (*, */2, 8-20/2) follows the time that really passes: it fires whenever the
// clock shows it, so never for what is left out and twice for what is shown twice.
package calendar
