package store

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/emersion/go-imap/v2"
)

// records lists a log's records as text.
func records(t testing.TB, log []byte) []string {
	t.Helper()
	var out []string
	err := readRecords(bytes.NewReader(log), func(r *logRecord) {
		switch {
		case r.Flags != nil:
			out = append(out, fmt.Sprintf("%s=%v", r.Flags.UIDs, r.Flags.Names))
		case r.Moved != nil:
			out = append(out, fmt.Sprintf("%s>%s", r.Moved.UIDs, r.Moved.As))
		case r.UIDL != nil:
			out = append(out, fmt.Sprintf("%s %q", r.UIDL.Address, r.UIDL.UID))
		case r.Next != 0:
			out = append(out, fmt.Sprintf("<%d", r.Next))
		default:
			out = append(out, "-"+r.Gone)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestLogFormat(t *testing.T) {
	var b bytes.Buffer
	w := &logWriter{w: &b}
	row := UIDL{Address: "a@b", UID: "\x00\xff \"", Ordinal: 3, Size: 4, Hash: [32]byte{1, 31: 2}, State: UIDLDeleteSent,
		FirstAt: someDay.UTC(), SeenAt: unixTime(5), Absent: true}
	w.flags(setOf([]span{{1, 3}, {7, 7}}), []imap.Flag{imap.FlagSeen, "$Label1"})
	w.flags(setOf([]span{{2, 2}}), nil)
	w.next(8)
	w.gone(setOf([]span{{4, 4}}))
	w.moved("aaaaaaaaaaaaaaaa", []imap.UID{1, 3}, []imap.UID{8, 9})
	w.uidl(row)
	if err := w.flush(); err != nil {
		t.Fatal(err)
	}
	want := []string{`1:3,7=[\Seen $Label1]`, "2=[]", "<8", "-4", "1,3>8:9", `a@b "\x00\xff \""`}
	whole := bytes.Clone(b.Bytes())
	if got := records(t, whole); !reflect.DeepEqual(got, want) {
		t.Errorf("got %q", got)
	}
	readRecords(bytes.NewReader(whole), func(r *logRecord) {
		if r.UIDL != nil && r.UIDL.row() != row {
			t.Errorf("%+v became %+v", row, r.UIDL.row())
		}
	})
	// Torn anywhere, all records before are read and nothing else; with a
	// further line behind, that one too.
	lines := strings.SplitAfter(string(whole), "\n")
	for n := range whole {
		intact := strings.Count(string(whole[:n]), "\n")
		if got := records(t, whole[:n]); len(got) != intact {
			t.Fatalf("torn at %d: %q", n, got)
		}
		again := append(append(bytes.Clone(whole[:n]), '\n'), lines[3]...)
		got := records(t, again)
		if len(got) < intact+1 || got[len(got)-1] != "-4" {
			t.Fatalf("torn at %d and gone on: %q", n, got)
		}
	}
	for n := range whole {
		bad := bytes.Clone(whole)
		bad[n] ^= 1
		if got := records(t, bad); len(got) > 6 || len(got) < 4 {
			t.Fatalf("damaged at %d: %q", n, got)
		}
	}
}

func FuzzReadRecords(f *testing.F) {
	var b bytes.Buffer
	w := &logWriter{w: &b}
	w.flags(setOf([]span{{1, 3}}), []imap.Flag{imap.FlagSeen})
	w.gone(setOf([]span{{1, 4294967295}}))
	w.flush()
	f.Add(b.Bytes())
	f.Add([]byte("00000000 {}\n"))
	f.Fuzz(func(t *testing.T, log []byte) {
		readRecords(bytes.NewReader(log), func(r *logRecord) { parseSpans(r.Gone) })
	})
}

func TestParseSpans(t *testing.T) {
	if got := parseSpans("1:3,7,9:4294967295"); !reflect.DeepEqual(got, []span{{1, 3}, {7, 7}, {9, 4294967295}}) {
		t.Error(got)
	}
	for _, bad := range []string{"", "0", "3:1", "*", "1:*", "1,,2", "x", "1:2:3", "4294967296"} {
		if got := parseSpans(bad); got != nil {
			t.Errorf("%q reads as %v", bad, got)
		}
	}
}

func readLogFile(t testing.TB, b *Box, name string) []string {
	t.Helper()
	if err := b.disk.logs.flush(); err != nil {
		t.Fatal(err)
	}
	id, err := b.MailboxID(name)
	if err != nil {
		t.Fatal(err)
	}
	log, err := os.ReadFile(filepath.Join(b.disk.mailDir(id), stateLogName))
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	return records(t, log)
}

func TestStateLog(t *testing.T) {
	b := newBox(t)
	v := b.View(ViewOptions{Actor: marko})
	if _, err := v.Append(ctx, inbox, []*Incoming{incoming(t, b, "a", imap.FlagSeen), incoming(t, b, "b"), incoming(t, b, "c", "Work")}); err != nil {
		t.Fatal(err)
	}
	m := open(t, v, inbox)
	if _, err := m.StoreFlags(ctx, FlagsChange{UIDs: imap.UIDSetNum(1), Op: FlagsRemove, Flags: []imap.Flag{imap.FlagSeen}}); err != nil {
		t.Fatal(err)
	}
	if _, err := m.Move(ctx, imap.UIDSetNum(3), v, "Trash"); err != nil {
		t.Fatal(err)
	}
	if _, err := m.StoreFlags(ctx, FlagsChange{UIDs: imap.UIDSetNum(2), Op: FlagsAdd, Flags: []imap.Flag{imap.FlagDeleted}}); err != nil {
		t.Fatal(err)
	}
	if _, err := m.Expunge(ctx, nil); err != nil {
		t.Fatal(err)
	}
	row := UIDL{Address: "a@b", UID: "u", State: UIDLStored}
	if err := b.SetUIDLs(ctx, []UIDL{row}); err != nil {
		t.Fatal(err)
	}
	row.SeenAt = someDay
	if err := b.SetUIDLs(ctx, []UIDL{row}); err != nil { // worth no record
		t.Fatal(err)
	}
	want := []string{`1=[\Seen]`, "3=[Work]", "<4", "1=[]", "3>1", `2=[\Deleted]`, "-2", `a@b "u"`}
	if got := readLogFile(t, b, inbox); !reflect.DeepEqual(got, want) {
		t.Errorf("INBOX: %q, want %q", got, want)
	}
	if got := readLogFile(t, b, "Trash"); !reflect.DeepEqual(got, []string{"1=[Work]", "<2"}) {
		t.Errorf("Trash: %q", got)
	}
	// Written anew it says the present state alone.
	m.m.file.renew()
	got := readLogFile(t, b, inbox)
	for _, r := range got {
		if r != "<2" && r != `a@b "u"` && !strings.HasPrefix(r, "-") { // files may still be on their way out
			t.Errorf("anew: %q", got)
		}
	}
}

func TestStateLogIsCompacted(t *testing.T) {
	b := newBox(t)
	v := b.View(ViewOptions{Actor: marko})
	appendMails(t, v, inbox, "a")
	m := open(t, v, inbox)
	l := m.m.file.stateLog
	e := m.Snapshot().At(0)
	e.Flags = FlagDraft // what it says is replaced by what the index knows
	for l.size <= logSmall {
		for range 1000 {
			l.logFlags([]Entry{e}, nil)
		}
		if err := l.flush(); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := m.StoreFlags(ctx, FlagsChange{UIDs: imap.UIDSetNum(1), Op: FlagsAdd, Flags: []imap.Flag{imap.FlagSeen}}); err != nil {
		t.Fatal(err)
	}
	if got := readLogFile(t, b, inbox); !reflect.DeepEqual(got, []string{"<2", `1=[\Seen]`}) {
		t.Errorf("%d records: %.200q", len(got), got)
	}
}
