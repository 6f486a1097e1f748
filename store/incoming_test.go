package store

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-imap/v2"
	"pgregory.net/rapid"
)

// normal is what shall be stored of a mail, said in another way.
func normal(mail string) string {
	return strings.ReplaceAll(strings.ReplaceAll(mail, "\r\n", "\n"), "\n", "\r\n")
}

// stored stores a mail that arrives in pieces and gives its file's bytes.
func stored(t rapid.TB, b *Box, pieces ...string) string {
	t.Helper()
	in, err := b.NewIncoming()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range pieces {
		if n, err := io.WriteString(in, p); n != len(p) || err != nil {
			t.Fatal(n, err)
		}
	}
	m, err := in.Finish()
	if err != nil {
		t.Fatal(err)
	}
	v := b.View(ViewOptions{})
	done, err := v.Append(ctx, inbox, []*Incoming{in})
	if err != nil {
		t.Fatal(err)
	}
	box := open(t, v, inbox)
	i, _ := box.Snapshot().Search(done.UIDs[0])
	var got []byte
	err = box.Mails(ctx, []Entry{box.Snapshot().At(i)}, 0, func(_ Entry, mail *Mail) error {
		f, err := box.OpenMail(mail)
		if err != nil {
			return err
		}
		defer f.Close()
		got, err = io.ReadAll(io.NewSectionReader(f, 0, f.Size()))
		if mail.Size != int64(len(got)) || mail.Hash != sha256.Sum256(got) || m.Size != mail.Size {
			t.Errorf("%q: size %d, scanned %d, hash %x", got, mail.Size, m.Size, mail.Hash)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return string(got)
}

func TestIncomingLineEnds(t *testing.T) {
	b := newBox(t)
	for _, c := range []struct {
		pieces []string
		want   string
	}{
		{nil, ""},
		{[]string{""}, ""},
		{[]string{"a\nb"}, "a\r\nb"},
		{[]string{"\n\n"}, "\r\n\r\n"},
		{[]string{"a\r\nb\r\n"}, "a\r\nb\r\n"},
		{[]string{"a\r", "\nb"}, "a\r\nb"},
		{[]string{"a\r", "", "\nb"}, "a\r\nb"},
		{[]string{"a\r", "b\n"}, "a\rb\r\n"},
		{[]string{"a\r\r\n\r"}, "a\r\r\n\r"},
		{[]string{"a\r\n", "\nb"}, "a\r\n\r\nb"},
		{[]string{"\x00\xff", "\n", "\n"}, "\x00\xff\r\n\r\n"},
		{[]string{strings.Repeat("x", incomingBuffer-1) + "\r", "\n" + strings.Repeat("y", incomingBuffer) + "\n"},
			strings.Repeat("x", incomingBuffer-1) + "\r\n" + strings.Repeat("y", incomingBuffer) + "\r\n"},
	} {
		if got := stored(t, b, c.pieces...); got != c.want {
			t.Errorf("%.80q became %.80q, want %.80q", c.pieces, got, c.want)
		}
	}
}

func TestIncomingAnyPieces(t *testing.T) {
	b := newBox(t)
	rapid.Check(t, func(t *rapid.T) {
		pieces := rapid.SliceOfN(rapid.StringOfN(rapid.SampledFrom([]rune("\r\nab")), 0, 6, -1), 0, 6).Draw(t, "pieces")
		if got, want := stored(t, b, pieces...), normal(strings.Join(pieces, "")); got != want {
			t.Fatalf("%q became %q, want %q", pieces, got, want)
		}
	})
}

func TestIncomingTooBig(t *testing.T) {
	dir := t.TempDir() + "/box"
	o := Options{MaxMessage: 10}
	if err := CreateBox(dir, NewID(), o); err != nil {
		t.Fatal(err)
	}
	b, err := OpenBox(ctx, dir, o)
	if err != nil {
		t.Fatal(err)
	}
	defer closeBox(t, b)
	if got := stored(t, b, "12345678\n"); got != "12345678\r\n" {
		t.Errorf("%q", got)
	}
	in, err := b.NewIncoming()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(in, "123456789\n"); !errors.Is(err, ErrTooBig) {
		t.Error(err)
	}
	if _, err := io.WriteString(in, "1"); !errors.Is(err, ErrTooBig) {
		t.Error(err)
	}
	if _, err := in.Finish(); !errors.Is(err, ErrTooBig) {
		t.Error(err)
	}
	if _, err := b.View(ViewOptions{}).Append(ctx, inbox, []*Incoming{in}); err == nil {
		t.Error("an unfinished mail was stored")
	}
	in.Abort()
	in.Abort()
	if left, err := os.ReadDir(b.disk.tmpDir()); err != nil || len(left) != 0 {
		t.Error(left, err)
	}
}

func TestIncomingDate(t *testing.T) {
	dir := t.TempDir() + "/box"
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	o := Options{Now: func() time.Time { return now }}
	if err := CreateBox(dir, NewID(), o); err != nil {
		t.Fatal(err)
	}
	b, err := OpenBox(ctx, dir, o)
	if err != nil {
		t.Fatal(err)
	}
	defer closeBox(t, b)
	received := func(date string) string { return "Received: from a by b; " + date + "\n" }
	for _, c := range []struct{ mail, want string }{
		{received("Fri, 2 Jan 2026 04:04:05 +0100") + received("Thu, 1 Jan 2026 03:04:05 +0000") + "\n", "2026-01-02T04:04:05+01:00"},
		{received("Sun, 4 Jan 2026 03:04:05 +0000") + received("Thu, 1 Jan 2026 03:04:05 -0800") + "\n", "2026-01-01T03:04:05-08:00"},
		{received("Sat, 3 Jan 2026 03:04:05 +0000") + "\n", "2026-01-03T03:04:05Z"},
		{received("Tue, 1 Jan 1974 03:04:05 +0000") + "Date: Thu, 1 Jan 2026 00:00:00 +0545\n\n", "2026-01-01T00:00:00+05:45"},
		{"Date: Thu, 1 Jan 1970 00:00:00 +0000\n\n", "2026-01-02T03:04:05Z"},
		{"Date: nonsense\n\n", "2026-01-02T03:04:05Z"},
		{"", "2026-01-02T03:04:05Z"},
	} {
		in, err := b.NewIncoming()
		if err != nil {
			t.Fatal(err)
		}
		io.WriteString(in, c.mail)
		if _, err := in.Finish(); err != nil {
			t.Fatal(err)
		}
		v := b.View(ViewOptions{})
		done, err := v.Append(ctx, inbox, []*Incoming{in})
		if err != nil {
			t.Fatal(err)
		}
		m := open(t, v, inbox)
		i, _ := m.Snapshot().Search(done.UIDs[0])
		m.Mails(ctx, []Entry{m.Snapshot().At(i)}, 0, func(_ Entry, mail *Mail) error {
			if got := mail.Date.Format(time.RFC3339); got != c.want {
				t.Errorf("%q has the date %s, want %s", c.mail, got, c.want)
			}
			return nil
		})
	}
}

func TestIncomingNeedsNoMemory(t *testing.T) {
	b := newBox(t)
	piece := bytes.Repeat([]byte("0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcd\r\n"), 512)
	in, err := b.NewIncoming()
	if err != nil {
		t.Fatal(err)
	}
	defer in.Abort()
	in.Flags = []imap.Flag{imap.FlagSeen}
	allocs := testing.AllocsPerRun(100, func() {
		if _, err := in.Write(piece); err != nil {
			t.Fatal(err)
		}
	})
	if allocs > 1 {
		t.Errorf("%v allocations for 32 KiB", allocs)
	}
}
