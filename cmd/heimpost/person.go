package main

import (
	"errors"
	"fmt"

	"heimpost/hub"
)

func personAdd() *command {
	c := newCommand("person add", "NAME", 1, 1, "add a person, with a box of the same name")
	c.long = "The first person is administrator. Without a password only devices can log in."
	title := c.flags.String("title", "", "the `NAME` that people see")
	admin := c.flags.Bool("admin", false, "make an administrator")
	c.withPassword()
	c.creates = true
	c.run = func(e *env, args []string) error {
		if _, err := hub.CleanName(args[0]); err != nil {
			return err // before a password is asked for
		}
		password, err := e.askPassword("password for "+args[0], true)
		if errors.Is(err, errNoPassword) {
			password, err = "", nil
		}
		if err != nil {
			return err
		}
		if *c.password && password == "" {
			return usageError("the password is empty")
		}
		p, err := do(e, hub.PersonAdd, hub.PersonAddParams{Name: args[0], Title: *title, Admin: *admin, Password: password}, nil)
		if err != nil {
			return err
		}
		if !p.Password {
			fmt.Fprintf(e.err, "heimpost: %s has no password yet, only devices can log in: heimpost person password %s\n", p.Name, p.Name)
		}
		return e.say(p, "%s was added, with the box %s", p.Name, p.Name)
	}
	return c
}

func personList() *command {
	c := newCommand("person list", "", 0, 0, "list all persons")
	c.run = func(e *env, _ []string) error {
		list, err := do(e, hub.PersonList, hub.None{}, nil)
		if err != nil {
			return err
		}
		return table(e, list, "nobody yet: heimpost person add NAME", "NAME TITLE ADMINISTRATOR PASSWORD DEVICES", func(p hub.Person) []any {
			return []any{p.Name, p.Title, yes(p.Admin), yes(p.Password), p.Devices}
		})
	}
	return c
}

func personPassword() *command {
	c := newCommand("person password", "NAME", 1, 1, "set a person's password")
	c.long = "Connections that were made with the old password end; devices have passwords of their own and go on."
	c.withPassword()
	c.run = func(e *env, args []string) error {
		password, err := e.needPassword("new password for "+args[0], true)
		if err != nil {
			return err
		}
		if _, err := do(e, hub.PersonPassword, hub.PersonPasswordParams{Name: args[0], Password: password}, nil); err != nil {
			return err
		}
		return e.say(map[string]string{"name": args[0]}, "the password of %s was changed", args[0])
	}
	return c
}

func personRemove() *command {
	c := newCommand("person remove", "NAME", 1, 1, "remove a person with devices and own box")
	c.long = "The box's folder goes into removed/ in the data folder; its accounts are forgotten."
	c.run = func(e *env, args []string) error {
		r, err := do(e, hub.PersonRemove, hub.NameParams{Name: args[0]}, nil)
		if err != nil {
			return err
		}
		return e.removed(args[0], r)
	}
	return c
}

// removed tells what became of a box.
func (e *env) removed(name string, r hub.Removed) error {
	text := name + " was removed"
	if r.Folder != "" {
		text += "; the mail is in " + r.Folder
	}
	for _, a := range r.Accounts {
		text += "\nthe account " + a + " delivered there and was removed, too"
	}
	return e.say(r, "%s", text)
}
