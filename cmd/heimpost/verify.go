package main

import (
	"errors"
	"fmt"
	"strings"

	"heimpost/hub"
)

func verifyCommand() *command {
	c := newCommand("verify", "[BOX]", 0, 1, "check a box, or all: files against index, both ways")
	c.long = "Changes nothing and works while the box is in use. Exit code 1 where something is wrong."
	c.run = func(e *env, args []string) error {
		bar := newProgress(e)
		list, err := do(e, hub.Verify, hub.NameParams{Name: strings.Join(args, "")}, bar.tell)
		bar.end()
		if err != nil {
			return err
		}
		if e.json {
			if err := e.printJSON(list); err != nil {
				return err
			}
		}
		var bad []string
		for _, v := range list {
			if !e.json {
				printVerified(e, v)
			}
			switch {
			case v.Error != "":
				bad = append(bad, v.Name+" ("+v.Error+")")
			case len(v.Problems) > 0:
				bad = append(bad, v.Name)
			}
		}
		if len(bad) > 0 {
			return errors.New("not in order: " + strings.Join(bad, ", ") + "; heimpost rebuild BOX makes an index anew from the files")
		}
		return nil
	}
	return c
}

func printVerified(e *env, v hub.Verified) {
	if v.Error != "" {
		fmt.Fprintf(e.out, "%s: could not be checked: %s\n", v.Name, v.Error)
		return
	}
	state := "all in order"
	if n := len(v.Problems); n > 0 {
		state = count(n, "problem", "problems")
	}
	fmt.Fprintf(e.out, "%s: %s, %s: %s\n", v.Name, count(v.Messages, "message", "messages"), size(v.Bytes), state)
	for _, p := range v.Problems {
		where := strings.TrimSpace(p.Mailbox + " " + p.File)
		if where != "" {
			where += ": "
		}
		fmt.Fprintf(e.out, "  %s%s\n", where, p.Text)
	}
}

func rebuildCommand() *command {
	c := newCommand("rebuild", "BOX", 1, 1, "make a box's index anew from its mail files")
	c.long = "heimpost serve must not run. The old index is replaced only when the new one is complete; in doubt a mail comes back."
	c.run = func(e *env, args []string) error {
		bar := newProgress(e)
		r, err := do(e, hub.Rebuild, hub.NameParams{Name: args[0]}, bar.tell)
		bar.end()
		if err != nil {
			return err
		}
		text := fmt.Sprintf("%s was rebuilt: %s in %s", r.Name, count(r.Messages, "message", "messages"), count(r.Mailboxes, "mailbox", "mailboxes"))
		if n := len(r.SetAside); n > 0 {
			text += fmt.Sprintf("; %s set aside in orphans/", count(n, "file was", "files were"))
		}
		return e.say(r, "%s", text)
	}
	return c
}
