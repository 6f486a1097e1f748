package main

import (
	"strings"
	"testing"
)

func TestBrowserCommand(t *testing.T) {
	for _, c := range []struct{ system, env, want string }{
		{"linux", "", ""},
		{"linux", "DISPLAY=:0", "xdg-open http://x/"},
		{"freebsd", "WAYLAND_DISPLAY=wayland-0", "xdg-open http://x/"},
		{"linux", "DISPLAY=:0 BROWSER=none", ""},
		{"linux", "DISPLAY=:0 BROWSER=firefox", "xdg-open http://x/"},
		{"linux", "DISPLAY=localhost:10.0 SSH_CONNECTION=a", ""},
		{"darwin", "", "open http://x/"},
		{"darwin", "SSH_CONNECTION=a", ""},
		{"windows", "", "rundll32 url.dll,FileProtocolHandler http://x/"},
		{"windows", "BROWSER=none", ""},
	} {
		env := func(name string) string {
			for _, e := range strings.Fields(c.env) {
				if v, is := strings.CutPrefix(e, name+"="); is {
					return v
				}
			}
			return ""
		}
		if got := strings.Join(browserCommand(c.system, env, "http://x/"), " "); got != c.want {
			t.Errorf("%s %s: %q, want %q", c.system, c.env, got, c.want)
		}
	}
}
