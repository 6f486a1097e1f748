package message

import (
	"bytes"
	"testing"
)

// TestDecodePartsRefuses: a form that was cut, prolonged or is of another
// version is an error.
func TestDecodePartsRefuses(t *testing.T) {
	_, mails := corpus(t)
	whole := scanBytes(mails["forwarded"]).AppendParts(nil)
	if _, err := DecodeParts(whole); err != nil {
		t.Fatal(err)
	}
	for i := range whole {
		if _, err := DecodeParts(whole[:i]); err == nil {
			t.Errorf("cut after %d octets: no error", i)
		}
	}
	if _, err := DecodeParts(append(bytes.Clone(whole), 0)); err == nil {
		t.Error("prolonged: no error")
	}
	other := bytes.Clone(whole)
	other[0]++
	if _, err := DecodeParts(other); err == nil {
		t.Error("another version: no error")
	}
	if len(whole) > 200 {
		t.Errorf("%d octets for %d parts are not compact", len(whole), 9)
	}
}
