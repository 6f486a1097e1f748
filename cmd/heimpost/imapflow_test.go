package main

import (
	"net"
	"path/filepath"
	"testing"

	"heimpost/peertest"
)

// TestImapFlow: two connections of ImapFlow over TLS with the hub's own
// authority do what mail programs do, with what is offered to all and with
// everything.
func TestImapFlow(t *testing.T) {
	peertest.NeedNode(t, "imapflow")
	for _, capabilities := range []string{"compatible", "full"} {
		t.Run(capabilities, func(t *testing.T) {
			w := newWorld(t)
			w.config("[imap]\nlisten = [\"127.0.0.1:0\"]\nlisten_tls = [\"127.0.0.1:0\"]\ncapabilities = \"" + capabilities + "\"\n[web]\nlisten = \"127.0.0.1:0\"\n")
			w.runIn("secret\n", "person", "add", "marko", "--password-stdin")
			s := w.serve()
			_, port, err := net.SplitHostPort(s.imaps)
			if err != nil {
				t.Fatal(err)
			}
			peertest.RunNode(t, filepath.Join("testdata", "imapflow.js"), []string{"imapflow"}, port, "marko", "secret", filepath.Join(w.dir, "tls", "ca.pem"))
			s.stop()
			w.verify()
		})
	}
}
