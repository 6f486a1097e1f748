package main

import (
	"fmt"
	"path/filepath"
	"strings"

	"heimpost/hub"
)

// keepSnapshots is how many snapshots stay where nothing else is said.
const keepSnapshots = 30

func backupCommand() *command {
	c := newCommand("backup", "TARGET", 1, 1, "bring all mail and settings up to date in a folder on another disk")
	c.long = "Works while heimpost serve runs. The first time copies every mail, later ones what is new.\n" +
		"TARGET is a folder of its own on a USB disk or a NAS; each mail lies in it once, as a plain .eml file.\n" +
		"Who has that disk has the mail, and the keys of the accounts' passwords. heimpost restore puts all back.\n" +
		"Exit code 3: the backup was made but lacks something, which is said."
	keep := c.flags.Int("keep", keepSnapshots, "keep the latest `N` snapshots, and all mails that they name")
	check := c.flags.Bool("check", false, "read again all that TARGET holds already, and mend what is damaged")
	anew := c.flags.Bool("new", false, "begin anew where a backup was made before and is gone (otherwise that is an error: the disk may not be connected)")
	c.run = func(e *env, args []string) error {
		target, err := filepath.Abs(args[0])
		if err != nil {
			return err
		}
		bar := newProgress(e)
		b, err := do(e, hub.Backup, hub.BackupParams{Target: target, Keep: *keep, Check: *check, New: *anew}, bar.tell)
		bar.end()
		if err != nil {
			return err
		}
		for _, note := range b.Notes {
			fmt.Fprintf(e.err, "note: %s\n", note)
		}
		if err := e.say(b, "%s", backedUp(b)); err != nil {
			return err
		}
		if n := len(b.Problems); n > 0 {
			if !e.json {
				for _, p := range b.Problems {
					fmt.Fprintf(e.out, "  %s\n", p)
				}
			}
			return partlyError(fmt.Sprintf("the backup was made, but %s (see above)", count(n, "thing is wrong", "things are wrong")))
		}
		return nil
	}
	return c
}

// backedUp says what a backup did.
func backedUp(b hub.BackedUp) string {
	messages := 0
	for _, box := range b.Boxes {
		messages += box.Messages
	}
	text := fmt.Sprintf("snapshot %s in %s: %s in %s; %s copied (%s)", b.Snapshot, b.Target,
		count(messages, "message", "messages"), count(len(b.Boxes), "box", "boxes"), count(b.Mails, "new mail", "new mails"), size(b.Bytes))
	if n := len(b.Removed); n > 0 {
		text += fmt.Sprintf("; %s removed", count(n, "old snapshot", "old snapshots"))
	}
	if b.Damaged > 0 {
		text += fmt.Sprintf("\n%s there, %s copied anew", count(b.Damaged, "mail was damaged", "mails were damaged"), thousands(b.Renewed))
	}
	return text
}

func restoreCommand() *command {
	c := newCommand("restore", "TARGET", 1, 1, "make a new data folder of a backup")
	c.long = "Writes into the data folder (--data DIR), which must be new or empty; nothing is ever written over.\n" +
		"All comes back as it was at the snapshot: boxes, flags, deleted mail, persons, devices, passwords, and which\n" +
		"mails were fetched already, so that none comes twice. Every mail is compared with its hash on the way."
	var p hub.RestoreParams
	c.flags.StringVar(&p.Snapshot, "snapshot", "", "the snapshot of this `TIME`, as --list shows it, or its beginning such as 2026-05-31 (default: the latest)")
	list := c.flags.Bool("list", false, "only list the snapshots")
	c.flags.BoolVar(&p.WhatIsLeft, "what-is-left", false, "restore also where mails in the backup are missing or damaged, without them")
	c.run = func(e *env, args []string) (err error) {
		if p.Target, err = filepath.Abs(args[0]); err != nil {
			return err
		}
		if *list {
			return listSnapshots(e, p.Target)
		}
		dir, err := e.dir()
		if err != nil {
			return err
		}
		bar := newProgress(e)
		r, err := hub.Restore(e.ctx, dir, p, hub.Options{Version: version()}, bar.tell)
		bar.end()
		if err != nil {
			if e.ctx.Err() != nil {
				return fmt.Errorf("interrupted; nothing was restored")
			}
			return err
		}
		return sayRestored(e, r)
	}
	return c
}

func listSnapshots(e *env, target string) error {
	list, err := hub.BackupSnapshots(target)
	if err != nil {
		return err
	}
	return table(e, list, "no backup was completed yet", "SNAPSHOT TIME BOXES MESSAGES SIZE TROUBLE", func(s hub.BackupSnapshot) []any {
		messages, bytes := 0, int64(0)
		for _, b := range s.Boxes {
			messages, bytes = messages+b.Messages, bytes+b.Bytes
		}
		trouble := s.Error
		if s.Missing > 0 {
			trouble = strings.TrimSpace(trouble + " " + count(s.Missing, "mail is missing", "mails are missing"))
		}
		return []any{s.Snapshot, when(s.Time), len(s.Boxes), messages, size(bytes), trouble}
	})
}

func sayRestored(e *env, r hub.Restored) error {
	messages := 0
	for _, b := range r.Boxes {
		messages += b.Messages
	}
	if err := e.say(r, "%s in %s restored into %s, as of %s; all was checked.\n"+
		"Next, to go on with it: make sure that the old hub does not run any more (two of them fetch and delete mail of the\n"+
		"same accounts), then: heimpost serve --data %s\n"+
		"Or, to take out only some mail, without serve and while your hub runs: heimpost export BOX FOLDER --data %s",
		count(messages, "message", "messages"), count(len(r.Boxes), "box", "boxes"), r.Data, when(r.Time), r.Data, r.Data); err != nil {
		return err
	}
	if n := len(r.Missing); n > 0 {
		if !e.json {
			for _, m := range r.Missing {
				fmt.Fprintf(e.out, "  %s\n", m)
			}
		}
		return partlyError(fmt.Sprintf("%s left out (see above); mails of these that a provider still has are fetched again", count(n, "thing was", "things were")))
	}
	return nil
}
