package main

import (
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"heimpost/exchange"
	"heimpost/hub"
)

func exportCommand() *command {
	c := newCommand("export", "BOX TARGET", 2, 2, "write a box's mail as Maildir, mbox or .eml files")
	c.long = "TARGET is a new or empty folder; with one that holds an export of this box already, the same command writes what\n" +
		"has come since. Nothing is overwritten. The hub itself writes, so it must be allowed to."
	format := c.flags.String("format", string(exchange.FormatMaildir), "`FORM`: maildir, mbox, or eml (one readable file a mail, without marks)")
	mailbox := c.flags.String("mailbox", "", "only this `MAILBOX` and what lies below it")
	since := c.flags.String("since", "", "only what arrived from this `DATE` on, such as 2026-05-31, or in the last days such as 7d")
	c.run = func(e *env, args []string) error {
		p := hub.ExportParams{Box: args[0], Format: exchange.Format(strings.ToLower(*format)), Mailbox: *mailbox}
		from, err := parseSince(*since, time.Now())
		if err != nil {
			return err
		}
		if !from.IsZero() { // whole days, so that the same command goes on
			y, m, d := from.Date()
			p.Since = time.Date(y, m, d, 0, 0, 0, 0, from.Location())
		}
		if p.Target, err = filepath.Abs(args[1]); err != nil {
			return err
		}
		bar := newProgress(e)
		rows, err := do(e, hub.Export, p, bar.tell)
		bar.end()
		if err != nil {
			return err
		}
		var all exchange.Exported
		failed := ""
		for _, r := range rows {
			all.Exported, all.Already, all.Failed, all.Bytes = all.Exported+r.Exported, all.Already+r.Already, all.Failed+r.Failed, all.Bytes+r.Bytes
			for _, f := range r.Failures {
				if failed == "" {
					failed = strings.Join(strings.Fields(f.Where+": "+f.Why), " ")
				}
				if !e.json {
					fmt.Fprintf(e.out, "  failed: %s: %s\n", f.Where, f.Why)
				}
			}
		}
		text := fmt.Sprintf("%s (%s) of %s were written to %s as %s", count(all.Exported, "mail", "mails"), size(all.Bytes), args[0], p.Target, formNames[p.Format])
		if all.Already > 0 {
			text += fmt.Sprintf("; %s there already", thousands(all.Already))
		}
		if err := e.say(rows, "%s", text); err != nil {
			return err
		}
		if all.Failed > 0 {
			return partlyError(fmt.Sprintf("%s could not be exported: %s", count(all.Failed, "mail or file", "mails or files"), failed))
		}
		return nil
	}
	return c
}

// formNames are the forms as people call them.
var formNames = map[exchange.Format]string{exchange.FormatMaildir: "Maildir", exchange.FormatMbox: "mbox files", exchange.FormatEML: ".eml files"}
