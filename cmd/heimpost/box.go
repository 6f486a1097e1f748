package main

import (
	"fmt"
	"strings"

	"heimpost/hub"
)

func boxAdd() *command {
	c := newCommand("box add", "NAME", 1, 1, "add a box that several share")
	c.long = "Persons get access with heimpost box grant. With its name or an address of it as login name, the box stands alone in a mail program."
	var p hub.BoxAddParams
	c.flags.StringVar(&p.Title, "title", "", "the `NAME` that people see")
	c.flags.StringArrayVar(&p.Addresses, "address", nil, "a mail `ADDRESS` of the box; may be repeated")
	c.flags.StringVar(&p.Seen, "seen", "shared", "whose read marks are: `shared` or private")
	c.flags.StringVar(&p.Retain, "retain", "365d", "how long deleted mail can be restored, in `DAYS`")
	c.creates = true
	c.run = func(e *env, args []string) error {
		p.Name = args[0]
		b, err := do(e, hub.BoxAdd, p, nil)
		if err != nil {
			return err
		}
		return e.say(b, "the box %s was added; give somebody access: heimpost box grant %s PERSON", b.Name, b.Name)
	}
	return c
}

func boxList() *command {
	c := newCommand("box list", "", 0, 0, "list all boxes")
	c.run = func(e *env, _ []string) error {
		list, err := do(e, hub.BoxList, hub.None{}, nil)
		if err != nil {
			return err
		}
		return table(e, list, "no boxes yet: heimpost person add NAME, or heimpost box add NAME", "NAME TITLE ADDRESSES ACCESS SEEN RETAIN PROTECTED", func(b hub.Box) []any {
			var access []string
			if b.Person != "" {
				access = append(access, b.Person)
			}
			for _, g := range b.Grants {
				if g.Rights == "ro" {
					g.Person += " (reads)"
				}
				access = append(access, g.Person)
			}
			return []any{b.Name, b.Title, strings.Join(b.Addresses, ", "), strings.Join(access, ", "), b.Seen, b.Retain, strings.Join(b.Protect, ", ")}
		})
	}
	return c
}

func boxMailboxes() *command {
	c := newCommand("box mailboxes", "NAME", 1, 1, "list the mailboxes of a box")
	c.run = func(e *env, args []string) error {
		list, err := do(e, hub.BoxMailboxes, hub.NameParams{Name: args[0]}, nil)
		if err != nil {
			return err
		}
		return table(e, list, "no mailboxes", "NAME USE PROTECTED", func(m hub.Mailbox) []any {
			protected := ""
			if m.Protected {
				protected = "yes"
			}
			return []any{m.Name, m.SpecialUse, protected}
		})
	}
	return c
}

func boxGrowth() *command {
	c := newCommand("box growth", "NAME", 1, 1, "what a box held at the end of each of the last 24 months")
	c.run = func(e *env, args []string) error {
		g, err := do(e, hub.BoxGrowth, hub.NameParams{Name: args[0]}, nil)
		if err != nil {
			return err
		}
		var text strings.Builder
		for _, m := range g.Months {
			fmt.Fprintf(&text, "%s  %d mails, %d octets\n", m.Date.Format("2006-01"), m.Messages, m.Bytes)
		}
		return e.say(g, "%s", strings.TrimSuffix(text.String(), "\n"))
	}
	return c
}

func boxGrant() *command {
	c := newCommand("box grant", "BOX PERSON", 2, 2, "give a person access to a box")
	c.long = "The box appears under Shared/BOX. Granting again changes the right; the person's connections begin anew."
	readOnly := c.flags.Bool("read-only", false, "to read only")
	c.run = func(e *env, args []string) error {
		p := hub.GrantParams{Box: args[0], Person: args[1], ReadOnly: *readOnly}
		if _, err := do(e, hub.BoxGrant, p, nil); err != nil {
			return err
		}
		may := "read and change"
		if p.ReadOnly {
			may = "read"
		}
		return e.say(p, "%s may %s the box %s", p.Person, may, p.Box)
	}
	return c
}

func boxRevoke() *command {
	c := newCommand("box revoke", "BOX PERSON", 2, 2, "take a person's access to a box away")
	c.run = func(e *env, args []string) error {
		p := hub.GrantParams{Box: args[0], Person: args[1]}
		if _, err := do(e, hub.BoxRevoke, p, nil); err != nil {
			return err
		}
		return e.say(map[string]string{"box": p.Box, "person": p.Person}, "%s has no access to the box %s any more", p.Person, p.Box)
	}
	return c
}

func boxRemove() *command {
	c := newCommand("box remove", "NAME", 1, 1, "remove a box; its folder goes into removed/")
	c.long = "Accounts that deliver into it are forgotten."
	c.run = func(e *env, args []string) error {
		r, err := do(e, hub.BoxRemove, hub.NameParams{Name: args[0]}, nil)
		if err != nil {
			return err
		}
		return e.removed(args[0], r)
	}
	return c
}

func boxSet() *command {
	c := newCommand("box set", "NAME", 1, 1, "change a box")
	c.long = "--seen private: what one has read stays unread for the others, from now on. --seen shared: read is what anybody has read."
	title := c.flags.String("title", "", "the `NAME` that people see")
	seen := c.flags.String("seen", "", "whose read marks are: `shared` or private")
	retain := c.flags.String("retain", "", "how long deleted mail can be restored, in `DAYS` such as 365d")
	addresses := c.flags.StringArray("address", nil, "a mail `ADDRESS` of the box, in place of those it has; may be repeated")
	protect := c.flags.StringArray("protect", nil, "a `MAILBOX` that no mail program can empty, delete or rename; may be repeated")
	unprotect := c.flags.StringArray("unprotect", nil, "a `MAILBOX` that is not protected any more; may be repeated")
	c.run = func(e *env, args []string) error {
		p := hub.BoxSetParams{Name: args[0], Protect: *protect, Unprotect: *unprotect}
		for name, set := range map[string]func(){
			"title": func() { p.Title = title }, "seen": func() { p.Seen = seen }, "retain": func() { p.Retain = retain },
			"address": func() { p.Addresses = addresses },
		} {
			if c.flags.Changed(name) {
				set()
			}
		}
		b, err := do(e, hub.BoxSet, p, nil)
		if err != nil {
			return err
		}
		protected := ""
		if len(b.Protect) > 0 {
			protected = "; protected: " + strings.Join(b.Protect, ", ")
		}
		return e.say(b, "%s: read marks %s, deleted mail can be restored for %s%s", b.Name, b.Seen, b.Retain, protected)
	}
	return c
}
