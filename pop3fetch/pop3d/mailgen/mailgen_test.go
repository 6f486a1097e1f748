package mailgen

import (
	"bytes"
	"testing"
)

func TestRealisticMix(t *testing.T) {
	var small, medium, big, total int
	const n = 400
	for i := range n {
		m := Realistic(1, i)
		if !bytes.Equal(m, Realistic(1, i)) {
			t.Fatalf("mail %d is different the second time", i)
		}
		total += len(m)
		switch {
		case len(m) < 12<<10:
			small++
		case len(m) < 80<<10:
			medium++
		case len(m) < 3<<20:
			big++
		}
		for line := range bytes.SplitSeq(m, []byte("\r\n")) {
			if len(line) > 998 || bytes.ContainsAny(line, "\r\n\x00") {
				t.Fatalf("mail %d has the line %.80q", i, line)
			}
		}
	}
	if small < n*52/100 || medium < n*18/100 || big < n*10/100 || small+medium+big != n {
		t.Errorf("%d small, %d medium, %d big", small, medium, big)
	}
	if mean := total / n; mean < 60<<10 || mean > 200<<10 {
		t.Errorf("%d octets in the mean", mean)
	}
	if bytes.Equal(Realistic(1, 0), Realistic(2, 0)) || bytes.Equal(Small(1, 0), Small(2, 0)) || bytes.Equal(Small(1, 0), Small(1, 1)) {
		t.Error("seed and number change nothing")
	}
	if b := len(Special()["25 MB"]); b < 24<<20 || b > 26<<20 {
		t.Errorf("the big one has %d octets", b)
	}
}
