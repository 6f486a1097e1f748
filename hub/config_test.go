package hub

import (
	"log/slog"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

func TestFirstConfig(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	if _, err := LoadConfig(dir, false); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(dir); err == nil {
		t.Error("reading made a folder")
	}
	c, err := LoadConfig(dir, true)
	if err != nil {
		t.Fatal(err)
	}
	empty, err := ParseConfig(nil)
	if err != nil || !reflect.DeepEqual(c, empty) {
		t.Errorf("written %+v, without a file %+v (%v)", c, empty, err)
	}
	if !reflect.DeepEqual(c.IMAP.Listen, []string{"127.0.0.1:1143"}) || !reflect.DeepEqual(c.IMAP.ListenTLS, []string{"127.0.0.1:1993"}) ||
		c.Web.Listen != "127.0.0.1:8143" || c.Limits.Message != 150<<20 || c.Limits.Connections != 1000 || c.Limits.ConnectionsPerIP != 50 ||
		c.Log.Level != slog.LevelInfo || c.Log.Format != "text" || c.IMAP.Capabilities != "compatible" ||
		!c.MDNS.Announce || c.MDNS.Name != "heimpost" || !c.Web.Healthz || !c.Web.Metrics {
		t.Errorf("%+v", c)
	}
	text, _ := os.ReadFile(filepath.Join(dir, ConfigFile))
	if !strings.Contains(string(text), "# STARTTLS") {
		t.Error("the file has no comments")
	}
	// It is never overwritten.
	if err := os.WriteFile(filepath.Join(dir, ConfigFile), []byte("[imap]\nlisten = []\n[tls]\ncert = \"c.pem\"\nkey = \"/k.pem\""), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err = LoadConfig(dir, true)
	if err != nil || len(c.IMAP.Listen) != 0 || len(c.IMAP.ListenTLS) != 1 || c.TLS.Cert != filepath.Join(dir, "c.pem") || c.TLS.Key != "/k.pem" {
		t.Errorf("%+v %v", c, err)
	}
}

func TestBadConfig(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"[imap]\nlisten = []\nlisen = 3", "unknown key imap.lisen (line 3)"},
		{"[smtp]\nx = 1", "unknown key smtp"},
		{"colour = 1\n[web]\nliste=\"\"", "colour (line 1), web.liste (line 3)"},
		{"[imap]\nlisten = \"x\"", "line 2"},
		{"[imap]\nlisten = [\"1143\"]", "imap.listen"},
		{"[imap]\nlisten_tls = [\":70000\"]", "imap.listen_tls"},
		{"[web]\nlisten = \"x\"", "web.listen"},
		{"[web]\nlisten_tls = \"8443\"", "web.listen_tls"},
		{"[mdns]\nname = \"post.local\"", "mdns.name"},
		{"[mdns]\nname = \"\"", "mdns.name"},
		{"[mdns]\nanounce = false", "unknown key mdns.anounce (line 2)"},
		{"[imap]\ncapabilities = \"most\"", "compatible"},
		{"[tls]\ncert = \"x\"", "together"},
		{"[limits]\nmessage = \"much\"", "size"},
		{"[limits]\nmessage = \"1KiB\"", "64 KiB"},
		{"[limits]\nconnections = 0", "at least 1"},
		{"[log]\nlevel = \"loud\"", "level"},
		{"[log]\nformat = \"xml\"", "log.format"},
		{"[oauth.facebook]\nclient_id = \"x\"", "google and microsoft"},
		{"[oauth.google]\ntoken_url = \"http://example.org/\"", "not an https address"},
		{"[oauth.google]\nclient = \"x\"", "oauth.google.client"},
		{"[imap", "line 1"},
		{"[imap]\n[imap]\n", "line 2"},
	} {
		if _, err := ParseConfig([]byte(c.text)); err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%q: %v, want %q", c.text, err, c.want)
		}
	}
}

func TestSize(t *testing.T) {
	for text, want := range map[string]Size{"150MiB": 150 << 20, "1 GiB": 1 << 30, "64KiB": 64 << 10, "2MB": 2e6, "0": 0, "7B": 7} {
		var s Size
		if err := s.UnmarshalText([]byte(text)); err != nil || s != want {
			t.Errorf("%s: %d, %v", text, s, err)
		}
	}
	for _, bad := range []string{"", "MiB", "-1MiB", "1.5MiB", "99999999999GiB", "1XB", "1MiBMiB"} {
		if err := new(Size).UnmarshalText([]byte(bad)); err == nil {
			t.Errorf("%q was taken", bad)
		}
	}
}
