package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"heimpost/hub"
)

func deletedList() *command {
	c := newCommand("deleted list", "BOX", 1, 1, "deleted mail that can be restored")
	var p hub.DeletedParams
	c.flags.StringVar(&p.Text, "text", "", "only mail that holds this `TEXT`")
	c.flags.StringVar(&p.From, "from", "", "only mail of this `SENDER`")
	since := c.flags.String("since", "", "only what was deleted from this `DATE` on, such as 2026-05-31, or in the last days such as 7d")
	c.flags.StringVar(&p.Mailbox, "mailbox", "", "only what was deleted from this `MAILBOX`")
	c.flags.IntVar(&p.Limit, "limit", 0, "at most so many lines (default 1000)")
	c.run = func(e *env, args []string) (err error) {
		p.Box = args[0]
		if p.Since, err = parseSince(*since, time.Now()); err != nil {
			return err
		}
		list, err := do(e, hub.DeletedList, p, nil)
		if err != nil {
			return err
		}
		return table(e, list, "nothing", "ID DELETED BY MAILBOX FROM SUBJECT DATE SIZE", func(m hub.DeletedMail) []any {
			return []any{m.ID, when(m.DeletedAt), strings.Trim(m.Person+" / "+m.Device, " /"), m.Mailbox, m.From, m.Subject, when(m.Date), size(m.Size)}
		})
	}
	return c
}

func deletedShow() *command {
	c := newCommand("deleted show", "BOX ID", 2, 2, "the text of a deleted mail")
	c.run = func(e *env, args []string) error {
		ids, err := deletedIDs(args[1:])
		if err != nil {
			return err
		}
		m, err := do(e, hub.DeletedRead, hub.DeletedID{Box: args[0], ID: ids[0]}, nil)
		if err != nil {
			return err
		}
		text := fmt.Sprintf("From: %s\nSubject: %s\nDate: %s\n", m.From, m.Subject, when(m.Date))
		for _, name := range m.Attachments {
			text += "Attachment: " + name + "\n"
		}
		return e.say(m, "%s\n%s", text, m.Text)
	}
	return c
}

func deletedRestore() *command {
	c := newCommand("deleted restore", "BOX ID...", 2, -1, "put deleted mail back into its mailbox")
	c.run = func(e *env, args []string) error {
		ids, err := deletedIDs(args[1:])
		if err != nil {
			return err
		}
		d, err := do(e, hub.DeletedRestore, hub.DeletedIDs{Box: args[0], IDs: ids}, nil)
		if err != nil {
			return err
		}
		return deletedDone(e, d, "restored")
	}
	return c
}

func deletedPurge() *command {
	c := newCommand("deleted purge", "BOX ID...", 2, -1, "remove deleted mail for good")
	c.long = "Asks first; --yes, or \"yes\" on standard input, answers."
	sure := c.flags.Bool("yes", false, "do not ask")
	c.run = func(e *env, args []string) error {
		ids, err := deletedIDs(args[1:])
		if err != nil {
			return err
		}
		if !*sure {
			fmt.Fprintf(e.err, "Remove %s of %s for good? Nobody can bring that back. [yes/no] ", count(len(ids), "deleted mail", "deleted mails"), args[0])
			answer, err := bufio.NewReader(io.LimitReader(e.stdin, 1000)).ReadString('\n')
			if err != nil && !errors.Is(err, io.EOF) {
				return err
			}
			if a := strings.ToLower(strings.TrimSpace(answer)); a != "yes" && a != "y" && a != "ja" && a != "j" {
				fmt.Fprintln(e.err)
				return errors.New("nothing was removed")
			}
		}
		d, err := do(e, hub.DeletedPurge, hub.DeletedIDs{Box: args[0], IDs: ids}, nil)
		if err != nil {
			return err
		}
		return deletedDone(e, d, "removed for good")
	}
	return c
}

// deletedIDs reads the numbers of deleted mails.
func deletedIDs(args []string) ([]int64, error) {
	var ids []int64
	for _, a := range args {
		id, err := strconv.ParseInt(a, 10, 64)
		if err != nil {
			return nil, usageError(fmt.Sprintf("%q is not the number of a deleted mail: heimpost deleted list shows them", a))
		}
		ids = append(ids, id)
	}
	return ids, nil
}

func deletedDone(e *env, d hub.DeletedDone, what string) error {
	if err := e.say(d, "%s %s", count(d.Done, "mail was", "mails were"), what); err != nil {
		return err
	}
	if len(d.Missing) > 0 {
		return partlyError(fmt.Sprintf("there is no deleted mail %s", strings.Trim(fmt.Sprint(d.Missing), "[]")))
	}
	return nil
}
