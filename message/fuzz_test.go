package message

import (
	"bytes"
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"
)

func addCorpus(f *testing.F) {
	names, mails := corpus(f)
	for _, name := range names {
		f.Add(mails[name])
	}
}

// FuzzScanner: what holds for every mail (checkTree), in pieces of any size.
func FuzzScanner(f *testing.F) {
	addCorpus(f)
	f.Fuzz(func(t *testing.T, mail []byte) {
		m := scanBytes(mail)
		checkTree(t, mail, m)
		size := 1 + len(mail)%13
		if got := scanSplit(mail, func() int { return size }); !reflect.DeepEqual(got, m) {
			t.Fatalf("in pieces of %d: %+v, at once: %+v", size, *got, *m)
		}
		if strings.ContainsAny(m.Subject+m.From, "\x00\r\n") || !utf8.ValidString(m.Subject+m.From) {
			t.Fatalf("subject %q, from %q", m.Subject, m.From)
		}
		for _, id := range append(append(m.InReplyTo, m.References...), m.MessageID) {
			if id != "" && (id[0] != '<' || id[len(id)-1] != '>' || len(id) < 3) {
				t.Fatalf("Message-ID %q", id)
			}
		}
	})
}

func FuzzWriteText(f *testing.F) {
	addCorpus(f)
	f.Fuzz(func(t *testing.T, mail []byte) {
		root := scanBytes(mail).Root
		text := textOf(t, string(mail), Text{Header: true, Body: true})
		if !utf8.ValidString(text) || strings.IndexByte(text, 0) >= 0 {
			t.Fatalf("%q", text)
		}
		for _, limit := range []int64{1, 7, int64(len(text)/2 + 1)} {
			var b bytes.Buffer
			if err := WriteText(&b, bytes.NewReader(mail), root, Text{Header: true, Body: true, Limit: limit}); err != nil {
				t.Fatal(err)
			}
			if int64(b.Len()) > limit || int64(b.Len()) < min(limit, int64(len(text)))-3 || !strings.HasPrefix(text, b.String()) || !utf8.Valid(b.Bytes()) {
				t.Fatalf("at most %d: %q of %q", limit, b.String(), text)
			}
		}
		folded := Fold(text)
		if Fold(folded) != folded {
			t.Fatalf("folded again: %q", folded)
		}
	})
}

// FuzzDecodeParts: any bytes are a tree or an error; a tree that was read is
// written the same.
func FuzzDecodeParts(f *testing.F) {
	names, mails := corpus(f)
	for _, name := range names {
		f.Add(scanBytes(mails[name]).AppendParts(nil))
	}
	f.Add([]byte{partsVersion, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0x7f, 1, 1, 1, 1, 1})
	f.Fuzz(func(t *testing.T, b []byte) {
		root, err := DecodeParts(b)
		if err != nil {
			return
		}
		again, err := DecodeParts((&Message{Root: root}).AppendParts(nil))
		if err != nil || !reflect.DeepEqual(again, root) {
			t.Fatalf("%+v, written and read again %+v, %v", root, again, err)
		}
	})
}

func FuzzBody(f *testing.F) {
	names, mails := corpus(f)
	for _, name := range names {
		f.Add(scanBytes(mails[name]).BodyStructure)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if got := Body(b); len(got) > len(b) {
			t.Fatalf("%q gives %q", b, got)
		}
	})
}
