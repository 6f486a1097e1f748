package pop3fetch

import (
	"context"
	"fmt"
	"strings"
)

// Test logs in and looks without retrieving or deleting anything. The account
// need not be stored (ID ""). The error says in plain words what is wrong and
// what to do.
func (f *Fetcher) Test(ctx context.Context, a Account, password string) (Report, error) {
	if err := a.Validate(); err != nil {
		return Report{}, err
	}
	if p, known := PresetFor(a.Address); known && p.Err() != nil && a.Host == "" {
		return Report{}, p.Err()
	}
	release, err := f.Hold(ctx, a)
	if err != nil {
		return Report{}, err
	}
	defer release()
	var st State
	if a.ID != "" {
		if st, err = f.load(ctx, a); err != nil {
			return Report{}, err
		}
	}
	if err := f.waitAllowed(ctx, a, &st, true); err != nil {
		return Report{NextAllowed: a.allowed(&st)}, err
	}
	host := f.token(f.hosts, strings.ToLower(a.Host), f.o.Limits.PerHost)
	if err := take(ctx, host); err != nil {
		return Report{}, err
	}
	defer give(host)
	r, err := f.look(ctx, a, &st, password)
	if a.ID != "" {
		if err == nil && st.Failures > 0 {
			st.Forget() // whatever was in the way is no longer
			defer f.Wake()
		}
		if err := f.dir.SaveState(context.WithoutCancel(ctx), a.ID, st); err != nil {
			return r, err
		}
	}
	if at := a.allowed(&st); at.After(f.o.Now()) {
		r.NextAllowed = at
	}
	if err != nil {
		return r, explain(a, err)
	}
	return r, nil
}

// look logs in, lists and quits.
func (f *Fetcher) look(ctx context.Context, a Account, st *State, password string) (r Report, err error) {
	c, err := f.open(ctx, a, st, password)
	if err != nil {
		return r, err
	}
	defer c.close()
	l, err := c.list(st.HadUIDL)
	if err != nil {
		return r, err
	}
	r = Report{Messages: l.count, Bytes: l.size, TLS: c.tls, Capabilities: c.caps.list()}
	say := func(en, de string, args ...any) {
		r.Summary += fmt.Sprintf(en, args...)
		r.SummaryDE += fmt.Sprintf(de, args...)
	}
	say("The login works: %[1]d messages (%[2]s) wait at %[3]s.", "Die Anmeldung klappt: %[1]d Nachrichten (%[2]s) liegen bei %[3]s.", l.count, bytesText(l.size), a.Host)
	switch {
	case !l.complete:
		say(" But the provider contradicts itself about their number.", " Aber der Anbieter widerspricht sich bei ihrer Zahl.")
	case !l.numbered && l.count > 0:
		say(" This provider gives its messages no unique numbers (UIDL), so each check has to fetch all of them: choose --keep never if nobody else fetches there.",
			" Dieser Anbieter gibt seinen Nachrichten keine Kennungen (UIDL), jede Abfrage muss also alle holen: Nehmen Sie --keep never, wenn dort niemand anderes abholt.")
	}
	if c.caps.removes() {
		say(" It removes fetched mail by itself (EXPIRE 0).", " Er löscht abgeholte Post von selbst (EXPIRE 0).")
	}
	if err := c.quit(); err != nil && errorIs[stepError](err) {
		return r, err
	}
	return r, nil
}

// bytesText gives a size for people.
func bytesText(n int64) string {
	const k = 1000
	switch {
	case n < k:
		return fmt.Sprintf("%d bytes", n)
	case n < k*k:
		return fmt.Sprintf("%.0f kB", float64(n)/k)
	case n < k*k*k:
		return fmt.Sprintf("%.1f MB", float64(n)/k/k)
	}
	return fmt.Sprintf("%.1f GB", float64(n)/k/k/k)
}
