package message

import (
	"testing"
	"time"
)

func TestParseDate(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{"Tue, 14 Oct 2025 09:12:33 +0200", "2025-10-14T09:12:33+02:00"},
		{"14 Oct 2025 09:12:33 -0000", "2025-10-14T09:12:33Z"},
		{"Tue, 14 Oct 2025 09:12 +0200", "2025-10-14T09:12:00+02:00"},
		{"Tue, 14 Oct 2025 09:12:33 +0200 (CEST)", "2025-10-14T09:12:33+02:00"},
		{"Tue (day), 14 (of) Oct 2025 09:12:33 (a (nested) one) EST", "2025-10-14T09:12:33-05:00"},
		{"Tue,14 Oct 2025 9:02:03 gmt", "2025-10-14T09:02:03Z"},
		{"Fri, 21 Nov 97 09:55:06 -0600", "1997-11-21T09:55:06-06:00"},
		{"1 Jan 49 00:00:00 PDT", "2049-01-01T00:00:00-07:00"},
		{"1 Jan 100 00:00:00 GMT", "2000-01-01T00:00:00Z"}, // Perl's years
		{"15 Oct 25 07:01 CEST", "2025-10-15T07:01:00+02:00"},
		{"Di, 14 Okt 2025 09:12:33 +0200", "2025-10-14T09:12:33+02:00"},
		{"14. März 2025 09:12 MEZ", "2025-03-14T09:12:00+01:00"},
		{"Tue Oct 14 09:12:33 2025", "2025-10-14T09:12:33Z"},
		{"Tue Oct 14 09:12:33 CEST 2025", "2025-10-14T09:12:33+02:00"},
		{"Tue, Oct 14, 2025 09:12:33 PM +0200", "2025-10-14T21:12:33+02:00"},
		{"14-Oct-2025 09:12:33 +0200", "2025-10-14T09:12:33+02:00"},
		{"2025-10-14T09:12:33Z", "2025-10-14T09:12:33Z"},
		{"2025-10-14T09:12:33.123+05:30", "2025-10-14T09:12:33+05:30"},
		{"2025-10-14 09:12:33", "2025-10-14T09:12:33Z"},
		{"14.10.2025 09:12", "2025-10-14T09:12:00Z"},
		{"Tue, 14 Oct 2025 09:12:33 GMT+0200", "2025-10-14T09:12:33+02:00"},
		{"Tue, 14 Oct 2025 09:12:33 -0330", "2025-10-14T09:12:33-03:30"},
		{"Tue, 14 Oct 2025 09:12:33 +2", "2025-10-14T09:12:33+02:00"},
		{"Tue, 14 Oct 2025 09:12:33 +9900", "2025-10-14T09:12:33Z"},
		{"Tue, 14 Oct 2025 23:59:60 +0000", "2025-10-14T23:59:59Z"},
		{"Tue, 14 Oct 2025 09:12:33 X", "2025-10-14T09:12:33Z"},
		{"Thu, 14 Oct 2025 09:12:33 +0200", "2025-10-14T09:12:33+02:00"}, // it was a Tuesday
		{"14 Oct 2025", "2025-10-14T00:00:00Z"},
		{"", "none"},
		{"yesterday", "none"},
		{"31 Feb 2025 10:00:00 +0000", "none"},
		{"14 Oct 2025 25:00:00 +0000", "none"},
		{"14 Oct 1825 10:00:00 +0000", "none"},
		{"14 Oct 99999 10:00:00 +0000", "none"},
		{"(14 Oct 2025 10:00:00 +0000", "none"},
		{"10/11/12", "none"}, // whose?
	} {
		got, ok := ParseDate(c.in)
		if s := showTime(got); s != c.want || ok != (c.want != "none") {
			t.Errorf("%q: %s, %v, want %s", c.in, s, ok, c.want)
		}
	}
}

func TestReceivedDate(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{"from a by b; Tue, 14 Oct 2025 09:12:41 +0200 (CEST)", "2025-10-14T09:12:41+02:00"},
		{"from a (x; 1 Jan 2001 00:00 +0000) by b with ESMTP id 1; 14 Oct 2025 09:12:41 +0200 (a; b)", "2025-10-14T09:12:41+02:00"},
		{"(qmail 1 invoked by uid 0); 15 Oct 2025 05:02:00 -0000", "2025-10-15T05:02:00Z"},
		{"from a by b", "none"},
		{"from a by b; never", "none"},
	} {
		got, _ := receivedDate(c.in)
		if s := showTime(got); s != c.want {
			t.Errorf("%q: %s, want %s", c.in, s, c.want)
		}
	}
}

func FuzzParseDate(f *testing.F) {
	for _, s := range []string{"Tue, 14 Oct 2025 09:12:33 +0200 (CEST)", "2025-10-14T09:12:33.123+05:30", "14.10.25 9:1 pm", "1 Jan 100 00:00 GMT-1"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got, ok := ParseDate(s)
		if ok != !got.IsZero() || ok && (got.Year() < 1900 || got.Year() > 9999) {
			t.Fatalf("%q: %v, %v", s, got, ok)
		}
		if _, zone := got.Zone(); zone < -15*3600 || zone > 15*3600 || zone%60 != 0 {
			t.Fatalf("%q: zone %d", s, zone)
		}
		if ok {
			again, ok := ParseDate(got.Format(time.RFC1123Z))
			if !ok || !again.Equal(got) {
				t.Fatalf("%q: %v, written and read again %v", s, got, again)
			}
		}
	})
}
