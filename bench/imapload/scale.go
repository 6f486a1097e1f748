package main

import (
	"bytes"
	"database/sql"
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	_ "github.com/mattn/go-sqlite3"
)

// This file measures Heimpost by itself: a mailbox of a million messages, a
// thousand connections, boxes that fill up.

// figure is one line of that table.
type figure struct {
	Name   string  `json:"figure"`
	Value  float64 `json:"value"`
	Unit   string  `json:"unit"`
	Target float64 `json:"target"`
	AtMost bool    `json:"at_most"` // else at least
	Note   string  `json:"note,omitempty"`
	Error  string  `json:"error,omitempty"`
}

func (f figure) met() bool {
	return f.Error == "" && (f.AtMost && f.Value <= f.Target || !f.AtMost && f.Value >= f.Target)
}

func (f figure) print() {
	if f.Error != "" {
		fmt.Printf("%-52s %s\n", f.Name, f.Error)
		return
	}
	sign, missed := ">=", ""
	if f.AtMost {
		sign = "<="
	}
	if !f.met() {
		missed = "  missed"
	}
	fmt.Printf("%-52s %9.2f %-5s %s %.6g%s  %s\n", f.Name, f.Value, f.Unit, sign, f.Target, missed, f.Note)
}

// scale are the sizes that are measured.
type scale struct {
	program  string
	dir      string
	messages int // of the large mailbox
	boxes    int // that share as many
	idle     int // connections
	fill     int // mails of a box that fills up
}

// measurement makes one figure or several that belong together.
type measurement struct {
	name string
	run  func(*scale) ([]figure, error)
}

var measurements = []measurement{
	{"large mailbox", largeMailbox},
	{"overlay", overlay},
	{"boxes", manyBoxes},
	{"idle", idleConnections},
	{"share", fairShare},
	{"append", fillByAppend},
	{"rebuild", fillByRebuild},
}

func runScale(s scale, only string, asJSON bool) error {
	pick, err := regexp.Compile(only)
	if err != nil {
		return err
	}
	if s.dir, err = os.MkdirTemp(s.dir, "hpscale"); err != nil {
		return err
	}
	defer os.RemoveAll(s.dir)
	s.program = filepath.Join(s.dir, "heimpost")
	if err := build(s.program); err != nil {
		return err
	}
	var all []figure
	missed := 0
	for _, m := range measurements {
		if !pick.MatchString(m.name) {
			continue
		}
		figures, err := m.run(&s)
		if err != nil {
			figures = append(figures, figure{Name: m.name, Error: err.Error()})
		}
		for _, f := range figures {
			if all = append(all, f); !f.met() {
				missed++
			}
			if !asJSON {
				f.print()
			}
		}
	}
	if len(all) == 0 {
		return fmt.Errorf("no measurement has a name with %q in it", only)
	}
	if asJSON {
		e := json.NewEncoder(os.Stdout)
		e.SetIndent("", "  ")
		return e.Encode(all)
	}
	fmt.Printf("\n%d of %d targets reached\n", len(all)-missed, len(all))
	return nil
}

// hub makes a data folder with the person marko and lets serve make what it
// makes at its first start.
func (s *scale) hub(name string) (*server, error) {
	h, err := newHeimpost(filepath.Join(s.dir, name), s.program, "")
	if err != nil {
		return nil, err
	}
	if err := h.run(); err != nil {
		return nil, err
	}
	defer h.stop()
	c, err := login(h, false) // opens the box
	if err != nil {
		return nil, err
	}
	defer c.close()
	return h, seedBoxes(h, "marko")
}

// seedBoxes waits until the full text of boxes has its file.
func seedBoxes(h *server, names ...string) error {
	for _, name := range names {
		path := filepath.Join(h.data, "boxes", name, "search.db")
		for until := time.Now().Add(patience); ; time.Sleep(50 * time.Millisecond) {
			if db, err := sql.Open("sqlite3", fileURL(path)+"?mode=ro"); err == nil {
				err = db.QueryRow("SELECT count(*) FROM doc").Scan(new(int))
				db.Close()
				if err == nil {
					break
				}
			}
			if time.Now().After(until) {
				return fmt.Errorf("box %s has no full text", name)
			}
		}
	}
	return nil
}

func fileURL(path string) string {
	return "file://" + (&url.URL{Path: filepath.ToSlash(path)}).EscapedPath()
}

// seedIndex writes n messages straight into a box's index, every fourth of
// them unread. Their files are missing: only what the index knows can be read.
func seedIndex(h *server, box string, n int) error {
	dir := filepath.Join(h.data, "boxes", box)
	db, err := sql.Open("sqlite3", fileURL(filepath.Join(dir, "index.db")))
	if err != nil {
		return err
	}
	defer db.Close()
	db.SetMaxOpenConns(1)
	series := fmt.Sprintf("WITH RECURSIVE k(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM k WHERE i<%d) ", n)
	for _, stmt := range []string{
		"ATTACH '" + strings.ReplaceAll(filepath.Join(dir, "search.db"), "'", "''") + "' AS text",
		"PRAGMA synchronous=OFF",
		"BEGIN",
		series + "INSERT INTO mail(id, refs, date, zone, size, hash) SELECT i, 1, 1400000000+i*300, 60, 5000, randomblob(32) FROM k",
		series + `INSERT INTO mail_envelope(id, envelope, subject, messageid) SELECT i,
			CAST('("Mon, 2 Jan 2006 15:04:05 +0100" "Angebot ' || i || '" (("Petra Lang" NIL "petra" "example.org")) NIL NIL (("Marko" NIL "marko" "example.org")) NIL NIL NIL "<' || i || '@example.org>")' AS BLOB),
			'Angebot ' || i, '<' || i || '@example.org>' FROM k`,
		series + "INSERT INTO entry(mailbox, uid, flags, modseq, mail, saved) SELECT (SELECT id FROM mailbox WHERE name='INBOX'), i, i%4<>0, 2, i, 1700000000 FROM k",
		fmt.Sprintf("UPDATE mailbox SET uidnext=%d, modseq=2 WHERE name='INBOX'", n+1),
		"INSERT INTO text.doc(id, hash, state) SELECT id, substr(hash, 1, 8), 0 FROM mail",
		"COMMIT",
	} {
		if _, err := db.Exec(stmt); err != nil {
			return fmt.Errorf("%.40s: %w", stmt, err)
		}
	}
	return nil
}

// command runs heimpost on the server's data.
func (s *server) command(args ...string) (string, error) {
	cmd := exec.Command(s.program, append([]string{"--data", s.data}, args...)...)
	var errText bytes.Buffer
	cmd.Stderr = &errText
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("heimpost %s: %w: %s", strings.Join(args, " "), err, errText.String())
	}
	return string(out), nil
}
