package store

import (
	"context"
	"io"
	"testing"
	"time"
)

// TestGrowth: mails are counted once each, on the day of their INTERNALDATE in
// UTC, also before 1970; what is gone is not counted.
func TestGrowth(t *testing.T) {
	b := newBox(t)
	v := b.View(ViewOptions{Actor: marko})
	if days, err := b.Growth(ctx); err != nil || len(days) != 0 {
		t.Fatalf("%v %v", days, err)
	}
	add := func(date time.Time, text string) {
		t.Helper()
		in, err := v.NewIncoming()
		if err != nil {
			t.Fatal(err)
		}
		in.Date = date
		io.WriteString(in, text)
		if _, err := in.Finish(); err != nil {
			t.Fatal(err)
		}
		if _, err := v.Append(ctx, "INBOX", []*Incoming{in}); err != nil {
			t.Fatal(err)
		}
	}
	day := func(s string) time.Time {
		d, err := time.Parse(time.RFC3339, s)
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	add(day("2026-05-03T23:30:00-02:00"), "Subject: late, the next day in UTC\r\n\r\n")
	add(day("2026-05-04T00:00:00Z"), "Subject: x\r\n\r\n")
	add(day("1969-12-31T12:00:00Z"), "Subject: old\r\n\r\n")
	days, err := b.Growth(ctx)
	if err != nil || len(days) != 2 || days[0].Day.Format(time.DateOnly) != "1969-12-31" || days[0].Messages != 1 ||
		days[1].Day.Format(time.DateOnly) != "2026-05-04" || days[1].Messages != 2 || days[1].Bytes != 52 {
		t.Errorf("%+v %v", days, err)
	}
	expunge(t, v, "INBOX", 1, 2, 3)
	if days, err := b.Growth(ctx); err != nil || len(days) != 0 {
		t.Errorf("%v %v", days, err)
	}
}

// TestStatsAreRemembered: what has not changed is not counted again, and what
// has changed is.
func TestStatsAreRemembered(t *testing.T) {
	b := newBox(t)
	v := b.View(ViewOptions{Actor: marko})
	ended, cancel := context.WithCancel(ctx)
	cancel() // nothing can be counted
	if _, _, err := b.Stats(ended); err == nil {
		t.Error("counted without counting")
	}
	for want := 1; want < 4; want++ {
		if _, err := v.Append(ctx, "INBOX", []*Incoming{incoming(t, b, "one")}); err != nil {
			t.Fatal(err)
		}
		if _, _, err := b.Stats(ended); err == nil {
			t.Error("an old number is told")
		}
		for _, ctx := range []context.Context{ctx, ended} {
			if n, bytes, err := b.Stats(ctx); n != want || bytes == 0 || err != nil {
				t.Error(n, bytes, err)
			}
		}
	}
}
