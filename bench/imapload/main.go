// Command imapload measures Heimpost beside a private Dovecot: the same mails,
// the same commands over raw sockets, one run. It prints medians, ratios and
// the targets; with -json the figures as they are.
//
//	go run ./bench/imapload -messages 20000
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"regexp"
	"runtime"
	"sync"
	"time"
)

// bench is one run.
type bench struct {
	messages int
	alone    bool
	mu       sync.Mutex
	found    map[string]map[string]int // hits of a search, by server
}

// hits remembers how many messages a search found, to compare the servers.
func (b *bench) hits(keys string, s *server, n int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.found[keys] == nil {
		b.found[keys] = map[string]int{}
	}
	b.found[keys][s.name] = n
}

// row is one line of the table.
type row struct {
	Scenario string  `json:"scenario"`
	Unit     string  `json:"unit"`
	Heimpost float64 `json:"heimpost"`
	Dovecot  float64 `json:"dovecot"`
	Better   float64 `json:"times_better"`
	Target   float64 `json:"target"`
	Error    string  `json:"error,omitempty"`
}

func (r row) met() bool { return r.Error == "" && r.Better >= r.Target }

func main() {
	messages := flag.Int("messages", 20000, "messages in INBOX")
	only := flag.String("run", "", "regular expression of scenarios to run")
	asJSON := flag.Bool("json", false, "print the figures as JSON")
	profile := flag.String("profile", "", "folder for CPU profiles of Heimpost, one a scenario")
	keep := flag.String("keep", "", "folder, with a short path, that keeps the mail for the next run")
	alone := flag.Bool("alone", false, "measure Heimpost only")
	byItself := flag.Bool("scale", false, "measure Heimpost by itself instead: large mailboxes, many connections, boxes that fill up")
	large := flag.Int("large", 1_000_000, "messages of the large mailbox")
	fill := flag.Int("fill", 200_000, "mails of a box that fills up")
	busy := flag.Int("busy", 0, "be so many busy clients of the server at -at, until killed (used by -scale)")
	at := flag.String("at", "", "its address")
	password := flag.String("password", "", "its password for marko")
	flag.Parse()
	if *busy > 0 {
		fmt.Fprintln(os.Stderr, "imapload:", beBusy(*busy, *at, *password))
		os.Exit(1)
	}
	if *byItself {
		if err := runScale(scale{dir: *keep, messages: *large, boxes: 50, idle: 1000, fill: *fill}, *only, *asJSON); err != nil {
			fmt.Fprintln(os.Stderr, "imapload:", err)
			os.Exit(1)
		}
		return
	}
	if err := run(*messages, *only, *profile, *keep, *alone, *asJSON); err != nil {
		fmt.Fprintln(os.Stderr, "imapload:", err)
		os.Exit(1)
	}
}

func run(messages int, only, profile, dir string, alone, asJSON bool) error {
	pick, err := regexp.Compile(only)
	if err != nil {
		return err
	}
	if dir == "" {
		if dir, err = os.MkdirTemp("", "hpbench"); err != nil {
			return err
		}
		defer os.RemoveAll(dir)
	}
	ours, theirs, err := startServers(dir, messages, profile)
	if err != nil {
		return err
	}
	defer ours.stop()
	defer theirs.stop()
	b := &bench{messages: messages, alone: alone, found: map[string]map[string]int{}}
	if !asJSON {
		fmt.Printf("%d messages, %d processors, %s\n\n", messages, runtime.NumCPU(), time.Now().Format("2006-01-02"))
		fmt.Printf("%-42s %12s %12s %8s %8s\n", "scenario", "Heimpost", "Dovecot", "better", "target")
	}
	var rows []row
	for _, sc := range scenarios() {
		if !pick.MatchString(sc.name) {
			continue
		}
		r := b.compare(sc, ours, theirs)
		rows = append(rows, r)
		if !asJSON {
			r.print(sc)
		}
	}
	if len(rows) == 0 {
		return fmt.Errorf("no scenario has a name with %q in it", only)
	}
	if asJSON {
		e := json.NewEncoder(os.Stdout)
		e.SetIndent("", "  ")
		return e.Encode(rows)
	}
	if !alone {
		b.summary(rows)
	}
	return nil
}

// compare runs a scenario on both.
func (b *bench) compare(sc scenario, ours, theirs *server) row {
	r := row{Scenario: sc.name, Unit: sc.unit, Target: sc.target}
	stop := ours.profile(sc.name)
	var err error
	r.Heimpost, err = sc.run(ours, b)
	stop()
	if err != nil {
		r.Error = "Heimpost: " + err.Error()
		return r
	}
	if b.alone {
		return r
	}
	if r.Dovecot, err = sc.run(theirs, b); err != nil {
		r.Error = "Dovecot: " + err.Error()
		return r
	}
	r.Better = r.Dovecot / r.Heimpost
	if sc.more {
		r.Better = r.Heimpost / r.Dovecot
	}
	return r
}

func (r row) print(sc scenario) {
	if r.Error != "" {
		fmt.Printf("%-42s %s\n", r.Scenario, r.Error)
		return
	}
	missed := ""
	if !r.met() {
		missed = "  missed"
	}
	fmt.Printf("%-42s %7.2f %4s %7.2f %4s %7.1fx %7.1fx%s\n", r.Scenario, r.Heimpost, r.Unit, r.Dovecot, r.Unit, r.Better, r.Target, missed)
}

// summary says what was missed, and where the servers found different mails.
func (b *bench) summary(rows []row) {
	missed := 0
	for _, r := range rows {
		if !r.met() {
			missed++
		}
	}
	fmt.Printf("\n%d of %d targets reached\n", len(rows)-missed, len(rows))
	for keys, found := range b.found {
		if found["heimpost"] != found["dovecot"] {
			fmt.Printf("SEARCH %s: Heimpost finds %d, Dovecot %d\n", keys, found["heimpost"], found["dovecot"])
		}
	}
}
