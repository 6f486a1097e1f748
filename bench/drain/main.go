// Command drain measures how fast a provider is drained, beside mpop in one
// run: both take the same mails from the same private Dovecot on loopback, mpop
// into a Maildir, Heimpost into a box at full durability, and both delete them
// there. Then it measures what pipelining is worth at 20 ms.
//
//	scripts/go run ./bench/drain [-mails 2000] [-runs 3] [-json]
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"heimpost/peertest"
	"heimpost/pop3fetch/pop3d/mailgen"
)

// row is a line of the result.
type row struct {
	Scenario string  `json:"scenario"`
	Ours     float64 `json:"ours"`   // messages a second
	Theirs   float64 `json:"theirs"` // likewise; of mpop, or of ours without pipelining
	Ratio    float64 `json:"ratio"`
	Target   float64 `json:"target"` // of the ratio; 0: none
	Note     string  `json:"note,omitempty"`
}

func main() {
	mails := flag.Int("mails", 2000, "mails in the maildrop")
	runs := flag.Int("runs", 3, "runs of each, of which the median counts")
	fill := flag.Int("fill", 0, "drain so many mails into one box and see whether it keeps its speed, instead")
	dir := flag.String("dir", "", "folder on the disk to measure; the path must be short")
	asJSON := flag.Bool("json", false, "print JSON")
	flag.Parse()
	rows, err := run(*dir, *mails, *runs, *fill)
	if err != nil {
		fmt.Fprintln(os.Stderr, "drain:", err)
		os.Exit(1)
	}
	if *asJSON {
		out := json.NewEncoder(os.Stdout)
		out.SetIndent("", "  ")
		out.Encode(rows)
		return
	}
	fmt.Printf("%-44s %10s %10s %7s %7s\n", "drain, messages a second", "Heimpost", "peer", "ratio", "target")
	for _, r := range rows {
		target := "-"
		if r.Target > 0 {
			target = fmt.Sprintf("%.1f", r.Target)
		}
		fmt.Printf("%-44s %10.0f %10.0f %6.2fx %7s  %s\n", r.Scenario, r.Ours, r.Theirs, r.Ratio, target, r.Note)
	}
}

func run(dir string, mails, runs, fill int) ([]row, error) {
	if fill > 0 {
		r, err := filling(dir, fill)
		return []row{r}, err
	}
	dovecot, err := peertest.StartDovecot(peertest.DovecotConfig{Dir: dir})
	if err != nil {
		return nil, err
	}
	defer dovecot.Stop()
	work, err := os.MkdirTemp(dir, "hpdrain")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(work)
	var rows []row
	users := 0
	user := func(n int) (string, error) {
		users++
		name := fmt.Sprintf("u%d", users)
		for i := range n {
			if err := dovecot.Deliver(name, mailgen.Realistic(4, i)); err != nil {
				return "", err
			}
		}
		return name, nil
	}
	// By turns, so that the machine's moods meet both.
	var ours, theirs []float64
	for i := range runs {
		for _, side := range []struct {
			into  *[]float64
			drain func(user, dir string) (int, error)
		}{
			{&ours, func(user, dir string) (int, error) { return drainBox(dovecot, []string{user}, dir) }},
			{&theirs, func(user, dir string) (int, error) { return drainMpop(dovecot, user, dir) }},
		} {
			name, err := user(mails)
			if err != nil {
				return nil, err
			}
			to := filepath.Join(work, name)
			start := time.Now()
			n, err := side.drain(name, to)
			took := time.Since(start)
			if err != nil {
				return nil, fmt.Errorf("run %d: %w", i+1, err)
			}
			left, err := dovecot.Held(name)
			if err != nil || n != mails || left != 0 {
				return nil, fmt.Errorf("run %d of %s: %d of %d mails came, %d left, %v", i+1, name, n, mails, left, err)
			}
			*side.into = append(*side.into, float64(n)/took.Seconds())
			os.RemoveAll(to)
		}
	}
	rows = append(rows, compared(fmt.Sprintf("%d mails, loopback, deleted there", mails), ours, theirs, 1, "peer: mpop to a Maildir"))

	// Eight accounts at once, ours in one process, theirs in eight.
	var rates [2]float64
	for side, drain := range []func(names []string, dir string) (int, error){
		func(names []string, dir string) (int, error) { return drainBox(dovecot, names, dir) },
		func(names []string, dir string) (int, error) { return drainMpops(dovecot, names, dir) },
	} {
		var names []string
		for range 8 {
			name, err := user(mails / 8)
			if err != nil {
				return nil, err
			}
			names = append(names, name)
		}
		start := time.Now()
		n, err := drain(names, filepath.Join(work, fmt.Sprint("eight", side)))
		if err == nil && n != 8*(mails/8) {
			err = fmt.Errorf("%d mails came from eight accounts", n)
		}
		if err != nil {
			return nil, err
		}
		rates[side] = float64(n) / time.Since(start).Seconds()
	}
	rows = append(rows, compared(fmt.Sprintf("8 accounts of %d mails at once", mails/8), rates[:1], rates[1:], 1, "peer: eight times mpop"))

	far, near, err := pipelining(work)
	if err != nil {
		return nil, err
	}
	return append(rows, compared("mails of 10 kB at 20 ms", []float64{far}, []float64{near}, 20, "peer: without pipelining")), nil
}

func compared(scenario string, ours, theirs []float64, target float64, note string) row {
	r := row{Scenario: scenario, Ours: median(ours), Theirs: median(theirs), Target: target, Note: note}
	r.Ratio = r.Ours / r.Theirs
	return r
}

func median(v []float64) float64 {
	v = slices.Sorted(slices.Values(v))
	return v[len(v)/2]
}
