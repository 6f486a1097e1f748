package store

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"testing"
)

// searchChild names the box that a child process of the tests indexes.
const searchChild = "HEIMPOST_TEST_INDEX_BOX"

func init() {
	dir := os.Getenv(searchChild)
	if dir == "" {
		return
	}
	b, err := OpenBox(ctx, dir, Options{})
	for err == nil { // until it is killed
		var n int
		signal(b.search.hurry)
		n, err = b.SearchPending(ctx)
		fmt.Println(n)
	}
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

// A process that is killed while it indexes leaves what the next one goes on
// with.
func TestSearchKilledWhileIndexing(t *testing.T) {
	b := newBox(t)
	v := b.View(ViewOptions{Actor: marko})
	const mails = 3 * mailsBlock
	for i := 0; i < mails; {
		var in []*Incoming
		for range 64 {
			in = append(in, incoming(t, b, fmt.Sprintf("needle%d", i)))
			i++
		}
		if _, err := v.Append(ctx, "INBOX", in); err != nil {
			t.Fatal(err)
		}
	}
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	if err := removeSearchDB(b.search.path); err != nil {
		t.Fatal(err)
	}
	for _, lines := range []int{1, 3, 10, 40} {
		c := exec.Command(os.Args[0], "-test.run=^$")
		c.Env = append(os.Environ(), searchChild+"="+b.disk.dir)
		c.Stderr = os.Stderr
		out, err := c.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		said := bufio.NewScanner(out)
		for range lines {
			if !said.Scan() {
				t.Error("the child ended by itself")
				break
			}
		}
		c.Process.Kill()
		c.Wait() // it was killed: an error is what is wanted
		b := reopen(t, b.disk.dir)
		m := open(t, b.View(ViewOptions{}), "INBOX")
		wantText(t, m, TextQuery{"needle", true, true}, fmt.Sprintf("1:%d", mails))
		wantText(t, m, TextQuery{"needle77", true, false}, "78")
		if err := b.Close(); err != nil {
			t.Fatal(err)
		}
	}
	b = reopen(t, b.disk.dir)
	settle(t, b)
	undo := hideFiles(t, b)
	defer undo()
	m := open(t, b.View(ViewOptions{}), "INBOX")
	wantText(t, m, TextQuery{"needle77", true, true}, "78")
}
