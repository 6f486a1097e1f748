package main

import (
	"os"
	"os/exec"
	"runtime"
)

// browserCommand gives the command that opens an address in the desktop's
// browser; nil where there is no desktop, or where somebody has said that none
// shall be opened (BROWSER=none).
func browserCommand(system string, env func(string) string, url string) []string {
	if env("BROWSER") == "none" || env("SSH_CONNECTION") != "" {
		return nil
	}
	switch system {
	case "windows":
		return []string{"rundll32", "url.dll,FileProtocolHandler", url}
	case "darwin":
		return []string{"open", url}
	}
	if env("DISPLAY") == "" && env("WAYLAND_DISPLAY") == "" {
		return nil
	}
	return []string{"xdg-open", url}
}

// openBrowser opens an address for somebody who sits at the desktop: the hub
// was started in a terminal there. A browser that does not open is no trouble,
// for the address has been printed.
func openBrowser(url string) {
	if !isTerminal(int(os.Stderr.Fd())) {
		return
	}
	if c := browserCommand(runtime.GOOS, os.Getenv, url); c != nil {
		cmd := exec.Command(c[0], c[1:]...)
		if cmd.Start() == nil {
			go cmd.Wait() // leaves no zombie
		}
	}
}
