package hub

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"heimpost/exchange"
)

// Two imports into a box at once bring each mail once: the second one begins
// when the first has really ended. One that is given up waits no longer.
func TestImportsAtOnce(t *testing.T) {
	h := newHub(t)
	household(t, h)
	var mails strings.Builder
	const n = 300 // more than one transaction
	for i := range n {
		fmt.Fprintf(&mails, "From a@example.org Mon Mar  2 10:00:00 2020\nSubject: %d\n\nHello.\n\n", i)
	}
	source := filepath.Join(t.TempDir(), "Old")
	if err := os.WriteFile(source, []byte(mails.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	p := ImportParams{Box: "buero", Sources: []string{source}}

	begun, goOn, first := make(chan struct{}), make(chan struct{}), make(chan error, 1)
	halt := sync.OnceFunc(func() { close(begun); <-goOn })
	go func() { _, err := Do(ctx, h, Import, p, func(Progress) { halt() }); first <- err }()
	<-begun // some mails are there, and others not

	type outcome struct {
		exchange.Report
		err error
	}
	waits, second := make(chan struct{}), make(chan outcome, 1)
	go func() {
		told := sync.OnceFunc(func() { close(waits) })
		r, err := Do(ctx, h, Import, p, func(Progress) { told() })
		second <- outcome{r, err}
	}()
	<-waits
	given, cancel := context.WithCancel(ctx)
	if _, err := Do(given, h, Import, p, func(Progress) { cancel() }); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	close(goOn)
	if err := <-first; err != nil {
		t.Error(err)
	}
	if r := <-second; r.err != nil || r.Count().Imported != 0 || r.Count().Already != n {
		t.Errorf("%+v, %v", r.Count(), r.err)
	}
}
