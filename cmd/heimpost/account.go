package main

import (
	"errors"
	"fmt"
	"strings"

	"heimpost/hub"
)

// accountFlags adds the options of an account and gives those that were used.
func accountFlags(c *command) func() hub.AccountSetParams {
	text := map[string]*string{}
	for _, f := range [][2]string{
		{"box", "the `BOX` that the mail goes to"},
		{"mailbox", "the `MAILBOX` in it (default INBOX); made where it is missing"},
		{"host", "the provider's POP3 `HOST`, where it is not known by the address"},
		{"tls", "how the connection is protected: `implicit`, starttls or none"},
		{"user", "the user `NAME` at the provider, where it is not the address"},
		{"keep", "how long fetched mail stays at the provider: never, always or `14d`"},
		{"every", "the `TIME` between two checks, such as 15m"},
		{"oauth", "sign in at google or `microsoft` instead of giving a password (heimpost account signin)"},
		{"seen-before", "take mail as read that is older than these `DAYS`, such as 30d, when everything is fetched for the first time"},
	} {
		text[f[0]] = c.flags.String(f[0], "", f[1])
	}
	port := c.flags.Int("port", 0, "the provider's `PORT`, where it is unusual")
	return func() hub.AccountSetParams {
		used := func(name string) *string {
			if c.flags.Changed(name) {
				return text[name]
			}
			return nil
		}
		p := hub.AccountSetParams{Box: used("box"), Mailbox: used("mailbox"), Host: used("host"), TLS: used("tls"),
			User: used("user"), Keep: used("keep"), Every: used("every"), SeenBefore: used("seen-before"), OAuth: used("oauth")}
		if c.flags.Changed("port") {
			p.Port = port
		}
		return p
	}
}

func accountAdd() *command {
	c := newCommand("account add", "ADDRESS --box BOX", 1, 1, "add a provider's account; it is not contacted yet")
	c.long = "Settings of known providers are found by the address. --box may be left out where there is only one.\n" +
		"By default mail stays at the provider for 14 days after it was fetched."
	options := accountFlags(c)
	c.withPassword()
	c.run = func(e *env, args []string) error {
		p := options()
		p.Address = args[0]
		ask := func() error {
			password, err := e.needPassword("password of "+args[0]+" at the provider", false)
			p.Password = &password
			return err
		}
		if *c.password {
			if err := ask(); err != nil {
				return err
			}
		}
		a, err := do(e, hub.AccountAdd, p, nil)
		if errors.Is(err, hub.KindNoPassword) {
			// Asked for when all else is right, and only where it is of use.
			if err := ask(); err != nil {
				return err
			}
			a, err = do(e, hub.AccountAdd, p, nil)
		}
		if err != nil {
			return err
		}
		if e.json {
			return e.printJSON(a)
		}
		provider := ""
		if a.Provider != "" {
			provider = a.Provider + ", "
		}
		fmt.Fprintf(e.out, "%s was added (%s%s:%d, TLS %s): into %s of %s, every %s.\n%s\n",
			a.Address, provider, a.Host, a.Port, a.TLS, a.Mailbox, a.Box, every(a.Account), keepRule(a.Account))
		hints := a.Hints
		if german() {
			hints = a.HintsDE
		}
		for _, hint := range hints {
			fmt.Fprintln(e.out, hint)
		}
		if a.SignIn {
			fmt.Fprintf(e.out, "Sign in: %s\n", e.again("account signin", a.Address))
			return nil
		}
		fmt.Fprintf(e.out, "Test it: %s\n", e.again("account test", a.Address))
		return nil
	}
	return c
}

// again gives a command to be typed next, for the same data folder.
func (e *env) again(command, address string) string {
	data := ""
	if e.data != "" {
		data = "--data " + e.data + " "
		if strings.ContainsAny(e.data, " \t'&;()$") {
			data = fmt.Sprintf("--data %q ", e.data)
		}
	}
	return "heimpost " + data + command + " " + address
}

func accountSet() *command {
	c := newCommand("account set", "ADDRESS", 1, 1, "change an account")
	c.long = "With --password-stdin or --password the password is changed as well."
	options := accountFlags(c)
	ask := c.flags.Bool("password", false, "ask for a new password")
	c.withPassword()
	c.run = func(e *env, args []string) error {
		p := options()
		p.Address = args[0]
		if *ask || *c.password {
			password, err := e.needPassword("password of "+args[0]+" at the provider", false)
			if err != nil {
				return err
			}
			p.Password = &password
		}
		a, err := do(e, hub.AccountSet, p, nil)
		if err != nil {
			return err
		}
		next := ""
		if a.SignIn {
			next = "\nSign in: " + e.again("account signin", a.Address)
		}
		return e.say(a, "%s was changed: %s:%d, TLS %s; into %s of %s, every %s.\n%s%s",
			a.Address, a.Host, a.Port, a.TLS, a.Mailbox, a.Box, every(a), keepRule(a), next)
	}
	return c
}

// every says how often an account is checked.
func every(a hub.Account) string {
	if a.AtLeast != "" {
		return fmt.Sprintf("%s (the provider wants at least %s)", a.Every, a.AtLeast)
	}
	return a.Every
}

// keepRule says what is deleted at the provider, before it is.
func keepRule(a hub.Account) string {
	rule := ""
	switch a.Keep {
	case "always":
		return "At the provider nothing is deleted (--keep)."
	case "never":
		rule = "At the provider each mail is deleted as soon as it is stored here (--keep)"
	default:
		rule = fmt.Sprintf("At the provider each mail is deleted %s days after it was stored here (--keep)", strings.TrimSuffix(a.Keep, "d"))
	}
	return rule + "; heimpost fetch --dry-run tells how many that are."
}

func accountList() *command {
	c := newCommand("account list", "", 0, 0, "list all accounts and how their fetching goes")
	c.run = func(e *env, _ []string) error {
		list, err := do(e, hub.AccountList, hub.None{}, nil)
		if err != nil {
			return err
		}
		return accountTable(e, list)
	}
	return c
}

// accountTable shows accounts, and below what is in the way of some.
func accountTable(e *env, list []hub.Account) error {
	err := table(e, list, "no accounts yet: heimpost account add ADDRESS --box BOX",
		"ACCOUNT BOX MAILBOX KEEP LAST_SUCCESS NEXT_CHECK ALLOWED THERE WAITING TO_DELETE UNRETRIEVABLE", func(a hub.Account) []any {
			there, next, allowed := "-", when(a.NextCheck), "now"
			if !a.LastTry.IsZero() {
				there = fmt.Sprintf("%s (%s)", thousands(a.ServerCount), size(a.ServerSize))
			}
			if a.NextCheck.IsZero() && !a.SignIn {
				next = "now"
			}
			if !a.NextAllowed.IsZero() {
				allowed = when(a.NextAllowed)
			}
			return []any{a.Address, a.Box, a.Mailbox, a.Keep, when(a.LastSuccess), next, allowed, there, thousands(a.Waiting), thousands(a.PendingDeletions), thousands(a.Unretrievable)}
		})
	if err != nil || e.json {
		return err
	}
	for _, a := range list {
		text := a.Error
		if german() && a.ErrorDE != "" {
			text = a.ErrorDE
		}
		for line := range strings.Lines(text) {
			fmt.Fprintf(e.out, "%s: %s\n", a.Address, strings.TrimSpace(line))
		}
		for i, f := range a.Failed {
			if i == 5 {
				fmt.Fprintf(e.out, "%s: … and %s more (--json shows all)\n", a.Address, thousands(len(a.Failed)-i))
				break
			}
			fmt.Fprintf(e.out, "%s: message %s (%s) could not be fetched: %s; next try %s\n", a.Address, f.UID, size(f.Size), f.Reason, when(f.Next))
		}
	}
	return nil
}

func accountTest() *command {
	c := newCommand("account test", "ADDRESS", 1, 1, "log in at the provider and look, no more")
	c.run = func(e *env, args []string) error {
		t, err := do(e, hub.AccountTest, hub.AccountParams{Address: args[0]}, nil)
		if err != nil {
			return err
		}
		text := t.Summary
		if german() {
			text = t.SummaryDE
		}
		if !t.NextAllowed.IsZero() {
			text += "\n" + fmt.Sprintf("The provider wants some time between two logins: the next one is possible at %s.", t.NextAllowed.Local().Format("15:04:05"))
		}
		return e.say(t, "%s", text)
	}
	return c
}

func accountRemove() *command {
	c := newCommand("account remove", "ADDRESS", 1, 1, "forget an account; its mail stays")
	c.run = func(e *env, args []string) error {
		if _, err := do(e, hub.AccountRemove, hub.AccountParams{Address: args[0]}, nil); err != nil {
			return err
		}
		return e.say(map[string]string{"address": args[0]}, "%s was removed; its mail stays", args[0])
	}
	return c
}
