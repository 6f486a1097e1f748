package main

import (
	"fmt"
	"path/filepath"
	"strings"

	"heimpost/exchange"
	"heimpost/hub"
)

func importCommand() *command {
	c := newCommand("import", "BOX SOURCE...", 2, -1, "bring mail from elsewhere into a box: mbox, Maildir, .eml, an IMAP server")
	c.long = "A SOURCE is recognised by what it is: an .eml file, a folder of them, an mbox file, a folder of mbox files\n" +
		"(Thunderbird's profile, Apple Mail's export), a Maildir, or an account at an IMAP server: imaps://user@host.\n" +
		"Folders become mailboxes; those for sent mail, drafts, trash, junk and the archive go into the box's own.\n" +
		"Nothing comes twice: the same command again brings what is missing. The hub itself reads, so it must be\n" +
		"allowed to."
	c.withPassword()
	mailbox := c.flags.String("mailbox", "", "put everything into this `MAILBOX`, folders below it")
	dryRun := c.flags.Bool("dry-run", false, "only say what would be imported")
	c.run = func(e *env, args []string) error {
		p := hub.ImportParams{Box: args[0], Mailbox: *mailbox, DryRun: *dryRun}
		for _, source := range args[1:] {
			if exchange.IsIMAP(source) {
				if err := exchange.CheckIMAP(source); err != nil {
					return e.misused("%v", err)
				}
				if p.Password != "" {
					return e.misused("one IMAP server at a time: a password is for one")
				}
				var err error
				if p.Password, err = e.needPassword("password at "+source, false); err != nil {
					return err
				}
				p.Sources = append(p.Sources, source)
				continue
			}
			path, err := filepath.Abs(source)
			if err != nil {
				return err
			}
			p.Sources = append(p.Sources, path)
		}
		bar := newProgress(e)
		r, err := do(e, hub.Import, p, bar.tell)
		bar.end()
		if err != nil {
			return err
		}
		if e.json {
			if err := e.printJSON(r.Mailboxes); err != nil {
				return err
			}
		} else {
			printImported(e, r, *dryRun)
		}
		if n := r.Count().Failed; n > 0 {
			return partlyError(importFailed(r, n))
		}
		return nil
	}
	return c
}

// namesShown is how many names of one kind are printed.
const namesShown = 20

// printImported tells of each mailbox and of what was left out.
func printImported(e *env, r exchange.Report, dryRun bool) {
	did := "imported"
	if dryRun {
		did = "would import"
	}
	line := func(name string, m exchange.Imported) {
		fmt.Fprintf(e.out, "%s: %s %s (%s), %s already there", name, did, count(m.Imported, "mail", "mails"), size(m.Bytes), thousands(m.Already))
		if m.Failed > 0 {
			fmt.Fprintf(e.out, ", %s failed", thousands(m.Failed))
		}
		fmt.Fprintln(e.out)
	}
	for _, m := range r.Mailboxes {
		if m.Mailbox != "" {
			line(m.Mailbox, m)
		}
	}
	if len(r.Mailboxes) != 1 {
		line("all", r.Count())
	}
	shown := 0
	for _, m := range r.Mailboxes {
		for _, f := range m.Failures {
			if shown++; shown <= namesShown {
				fmt.Fprintf(e.out, "  failed: %s: %s\n", f.Where, f.Why)
			}
		}
	}
	for i, s := range r.Skipped {
		if i == namesShown {
			fmt.Fprintf(e.out, "  and %d more\n", len(r.Skipped)-i)
			break
		}
		fmt.Fprintf(e.out, "  passed over: %s: %s\n", s.Where, s.Why)
	}
	for _, n := range r.Notes {
		fmt.Fprintf(e.out, "  %s\n", n)
	}
}

// importFailed says in a line or two what did not come.
func importFailed(r exchange.Report, n int) string {
	text := count(n, "mail or file", "mails or files") + " could not be imported"
	for _, m := range r.Mailboxes {
		if len(m.Failures) > 0 {
			text += ": " + m.Failures[0].Where + ": " + m.Failures[0].Why
			break
		}
	}
	if n > 1 {
		text += ", …"
	}
	return strings.Join(strings.Fields(text), " ")
}
