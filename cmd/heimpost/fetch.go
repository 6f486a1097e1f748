package main

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"heimpost/hub"
)

func fetchCommand() *command {
	c := newCommand("fetch", "[ADDRESS]...", 0, -1, "fetch all or some accounts now")
	c.long = "A provider that wants to be asked less often is waited for up to a minute; beyond that the answer says when (exit code 3)."
	dryRun := c.flags.Bool("dry-run", false, "only say what would be fetched and deleted at the provider")
	c.run = func(e *env, args []string) error {
		bar := newProgress(e)
		list, err := do(e, hub.Fetch, hub.FetchParams{Addresses: args, DryRun: *dryRun}, bar.tell)
		bar.end()
		if err != nil {
			return err
		}
		if e.json {
			if err := e.printJSON(list); err != nil {
				return err
			}
		} else {
			if len(list) == 0 {
				fmt.Fprintln(e.out, "no accounts yet: heimpost account add ADDRESS --box BOX")
			}
			for _, f := range list {
				if f.Error == "" || f.Retrieved+f.Deleted > 0 {
					fmt.Fprintln(e.out, fetchLine(f))
				}
			}
		}
		return fetchError(list)
	}
	return c
}

// fetchLine tells of one account.
func fetchLine(f hub.Fetched) string {
	if f.WouldRetrieve != nil && f.Error == "" {
		deletes := "none"
		if *f.WouldDelete > 0 {
			deletes = thousands(*f.WouldDelete) + " at the provider"
		}
		line := fmt.Sprintf("%s: would fetch %s (%s), delete %s; %s listed", f.Account,
			count(*f.WouldRetrieve, "mail", "mails"), size(*f.WouldBytes), deletes, thousands(f.Listed))
		if f.Removes {
			line += "; the provider itself deletes what was fetched (EXPIRE 0)"
		}
		return line
	}
	line := fmt.Sprintf("%s: fetched %s (%s), %s listed, %s deleted at the provider", f.Account,
		count(f.Retrieved, "mail", "mails"), size(f.Bytes), thousands(f.Listed), thousands(f.Deleted))
	if f.Failed > 0 {
		line += fmt.Sprintf(", %s could not be fetched", thousands(f.Failed))
	}
	return line
}

// fetchError says which accounts failed. All failed is another exit code than
// some did; one that has to wait for its provider has not failed.
func fetchError(list []hub.Fetched) error {
	var failed, incomplete []string
	for _, f := range list {
		switch {
		case f.Error != "" && !f.TooSoon:
			failed = append(failed, named(f))
		case f.Error != "":
			incomplete = append(incomplete, named(f))
		case f.Failed > 0:
			incomplete = append(incomplete, fmt.Sprintf("%s: %s could not be fetched and will be tried again", f.Account, count(f.Failed, "message", "messages")))
		}
	}
	all := append(failed, incomplete...)
	if len(all) > 3 { // an error is three lines
		all = append(all[:2], fmt.Sprintf("and %d more: heimpost account list", len(all)-2))
	}
	switch text := strings.Join(all, "\n"); {
	case len(all) == 0:
		return nil
	case len(failed) == len(list):
		return errors.New(text)
	default:
		return partlyError(text)
	}
}

// named gives an account's error with its address in front.
func named(f hub.Fetched) string {
	text := f.Error
	if german() && f.ErrorDE != "" {
		text = f.ErrorDE
	}
	text = strings.Join(strings.Fields(text), " ")
	if strings.Contains(text, f.Account) {
		return text
	}
	return f.Account + ": " + text
}

// progress shows how far something is: as one line that changes on a
// terminal, else as lines now and then.
type progress struct {
	e        *env
	terminal bool
	shown    bool
	last     time.Time
	now      map[string]hub.Progress
}

const (
	barEvery  = 100 * time.Millisecond
	lineEvery = 5 * time.Second
)

func newProgress(e *env) *progress {
	_, isTerminal := terminal(e.err)
	return &progress{e: e, terminal: isTerminal, last: time.Now(), now: map[string]hub.Progress{}}
}

func (p *progress) tell(step hub.Progress) {
	if step.Note != "" {
		p.end()
		fmt.Fprintf(p.e.err, "%s: %s\n", step.What, step.Note)
		return
	}
	p.now[step.What] = step
	every := lineEvery
	if p.terminal {
		every = barEvery
	}
	if p.shown && time.Since(p.last) < every || !p.shown && !p.terminal && time.Since(p.last) < every {
		return
	}
	p.last = time.Now()
	if !p.terminal {
		p.shown = true
		fmt.Fprintf(p.e.err, "%s: %s of %s, %s\n", step.What, thousands(step.Done), thousands(step.Total), size(step.Bytes))
		return
	}
	var done, total int
	var bytes int64
	for _, s := range p.now {
		done, total, bytes = done+s.Done, total+s.Total, bytes+s.Bytes
	}
	if total == 0 {
		return
	}
	const width = 30
	full := min(width, width*done/total)
	what := step.What
	if len(p.now) > 1 {
		what = count(len(p.now), "account", "accounts")
	}
	p.shown = true
	fmt.Fprintf(p.e.err, "\r\x1b[K[%s%s] %s of %s, %s  %s", strings.Repeat("#", full), strings.Repeat(".", width-full), thousands(done), thousands(total), size(bytes), what)
}

// end clears the line that changed.
func (p *progress) end() {
	if p.terminal && p.shown {
		fmt.Fprint(p.e.err, "\r\x1b[K")
	}
}
