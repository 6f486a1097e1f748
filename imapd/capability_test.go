package imapd

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write docs/rfc.md anew")

// rfcTable is docs/rfc.md.
func rfcTable() string {
	var b strings.Builder
	b.WriteString(`# What the IMAP engine speaks

Written by ` + "`go test ./imapd -run TestRFCTable -update`" + ` from the table in
` + "`imapd/capability.go`" + `; a test compares the two.

*Offered*: **always**, by default and in ` + "`full`" + `; **full**, only with
` + "`imap.capabilities = \"full\"`" + `, since mail programs are known to break on it (see
[compatibility](compatibility.md)). A single one can be taken away from a device
with ` + "`heimpost device set PERSON DEVICE --without NAME`" + `.

| capability | RFC | offered | remarks |
| --- | --- | --- | --- |
`)
	for _, k := range capabilities {
		offered := "always"
		if k.full {
			offered = "full"
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", k.name, k.rfc, offered, k.what)
	}
	b.WriteString(`
Beyond these: ` + "`RFC822.PEEK`" + ` in FETCH (Outlook), ` + "`IDLE`" + ` with nothing selected
(Outlook), response codes of RFC 5530, ` + "`* OK Still here`" + ` in IDLE.

## Not done

| what | RFC | why |
| --- | --- | --- |
`)
	for _, m := range notDone {
		fmt.Fprintf(&b, "| %s | %s | %s |\n", m.name, m.rfc, m.why)
	}
	b.WriteString(`
## Why an engine of our own

` + "`github.com/emersion/go-imap/v2`" + ` (beta.8) gives us its vocabulary and its client.
Its server half we do not use: its commands are a closed list (no ID, CONDSTORE,
QRESYNC, COMPRESS, SORT, QUOTA …); a non-synchronising literal that is refused is
not read over, so that the text of a mail runs as commands; the BODYSTRUCTURE of
an empty multipart panics; EXAMINE is not read-only; LIST patterns take
exponential time; and each piece of a large mail parses all of it again.
`)
	return b.String()
}

func TestRFCTable(t *testing.T) {
	const file = "../docs/rfc.md"
	want := rfcTable()
	if *update {
		if err := os.WriteFile(file, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := os.ReadFile(file); err != nil || strings.ReplaceAll(string(got), "\r\n", "\n") != want {
		t.Errorf("%s is not what the table says (%v): go test ./imapd -run TestRFCTable -update", file, err)
	}
	var names []string
	for _, k := range capabilities {
		if slices.Contains(names, k.name) || k.rfc == "" {
			t.Errorf("%s stands twice or without its RFC", k.name)
		}
		names = append(names, k.name)
	}
}

func TestCapabilities(t *testing.T) {
	for _, c := range []struct {
		set    string
		before string
		after  string
	}{
		{"compatible", "IMAP4rev1 AUTH=PLAIN AUTH=LOGIN SASL-IR LITERAL+ ID ENABLE IDLE", "IMAP4rev1 SASL-IR LITERAL+ ID ENABLE IDLE NAMESPACE CHILDREN SPECIAL-USE CREATE-SPECIAL-USE LIST-EXTENDED LIST-STATUS STATUS=SIZE XLIST " +
			"MULTIAPPEND APPENDLIMIT=157286400 CATENATE REPLACE METADATA ACL RIGHTS=texk COMPRESS=DEFLATE UNSELECT UIDPLUS MOVE ESEARCH SEARCHRES WITHIN SORT SORT=DISPLAY ESORT " +
			"THREAD=REFERENCES THREAD=ORDEREDSUBJECT CONDSTORE QRESYNC BINARY SAVEDATE PREVIEW"},
		{"full", "IMAP4rev1 IMAP4rev2 AUTH=PLAIN AUTH=LOGIN SASL-IR LITERAL+ ID ENABLE IDLE", ""},
	} {
		w := newWorld(t, func(cfg *Config) { cfg.Capabilities = c.set })
		w.play("Cx: 1 CAPABILITY\nSx: * CAPABILITY " + c.before + "\nSx: 1 OK Done.")
		if c.after != "" {
			w.play("Cx: 2 LOGIN marko secret\nSx: 2 OK [CAPABILITY " + c.after + "] Logged in.\nCx: 3 CAPABILITY\nSx: * CAPABILITY " + c.after + "\nSx: 3 OK Done.")
		}
	}
}

func TestRev2(t *testing.T) {
	newWorld(t, full).play(`
		C: 1 ENABLE IMAP4rev2
		S: * ENABLED IMAP4rev2
		S: 1 OK Done.
		C: 2 CREATE "B\xc3\xbcro/a"
		S: 2 OK …
		C: 3 DELETE "B\xc3\xbcro"
		S: 3 OK …
		C: 4 LIST "" "B*"
		S: * LIST (\NonExistent \Noselect \HasChildren) "/" "Büro"
		S: * LIST (\HasNoChildren) "/" "Büro/a"
		S: 4 OK Done.
		C: 5 LIST "" ""
		S: * LIST (\Noselect) "/" ""
		S: 5 OK Done.
		C: 6 STATUS INBOX (MESSAGES DELETED SIZE)
		S: * STATUS "INBOX" (MESSAGES 0 DELETED 0 SIZE 0)
		S: 6 OK Done.
	`)
}

func TestProgress(t *testing.T) {
	w := newWorld(t, full, func(c *Config) { c.Timeouts.Progress = 1 })
	w.play(`
		C: t1 LIST "" "I*"
		S: * OK [INPROGRESS ("t1" 0 14)] Still at it.
		S: * LIST (\HasNoChildren) "/" "INBOX"
		S: t1 OK Done.
	`)
}
