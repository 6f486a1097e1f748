package main

import (
	"fmt"
	"strings"
	"time"

	"heimpost/hub"
)

func activityCommand() *command {
	c := newCommand("activity", "BOX", 1, 1, "who did what in a box, the latest first")
	var p hub.ActivityParams
	c.flags.StringVar(&p.Message, "message", "", "only what happened to this mail, by its `ID` or Message-ID")
	c.flags.StringVar(&p.Person, "person", "", "only what this `PERSON` did")
	c.flags.StringVar(&p.Device, "device", "", "only what was done with this `DEVICE`")
	c.flags.IntVar(&p.Limit, "limit", 0, "at most so many lines (default 1000)")
	since := c.flags.String("since", "", "only from this `DATE` on, such as 2026-05-31, or the last days such as 7d")
	c.run = func(e *env, args []string) (err error) {
		p.Box = args[0]
		if p.Since, err = parseSince(*since, time.Now()); err != nil {
			return err
		}
		list, err := do(e, hub.Activity, p, nil)
		if err != nil {
			return err
		}
		return table(e, list, "nothing yet", "TIME WHO ACTION MAILBOX MAILS SUBJECT ID", func(a hub.Action) []any {
			who := strings.Trim(a.Person+" / "+a.Device, " /")
			if who == "" {
				who = a.Account
			}
			mailbox := a.Mailbox
			if a.Source != "" {
				mailbox = a.Source + " > " + a.Mailbox
			}
			return []any{when(a.Time), who, a.Action, mailbox, a.Count, a.Subject, a.ID}
		})
	}
	return c
}

// parseSince reads a date, a time, or a number of days ago; "" is ever.
func parseSince(s string, now time.Time) (time.Time, error) {
	if s == "" {
		return time.Time{}, nil
	}
	for _, form := range []string{time.DateOnly, "2006-01-02 15:04", "2006-01-02 15:04:05", "2006-01-02T15:04:05", time.RFC3339} {
		if t, err := time.ParseInLocation(form, s, time.Local); err == nil {
			return t, nil
		}
	}
	var days int
	if n, err := fmt.Sscanf(s, "%dd", &days); n == 1 && err == nil && days > 0 && s == fmt.Sprintf("%dd", days) {
		return now.AddDate(0, 0, -days), nil
	}
	return time.Time{}, usageError(fmt.Sprintf("%q is not a date: write 2026-05-31, or the last days as 7d", s))
}
