package main

import (
	"runtime"
	"runtime/debug"
	"strings"
	"sync"
)

// release is set by the linker for releases (-X main.release=1.2.3).
var release = "0.1"

// version gives the program's exact version.
var version = sync.OnceValue(func() string {
	v := release
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return v
	}
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			v += "+" + s.Value[:min(12, len(s.Value))]
		case "vcs.modified":
			if s.Value == "true" {
				v += ".modified"
			}
		}
	}
	return v
})

func versionCommand() *command {
	c := newCommand("version", "", 0, 0, "the program's version")
	c.run = func(e *env, _ []string) error {
		return e.say(map[string]string{"version": version(), "go": runtime.Version(), "system": runtime.GOOS + "/" + runtime.GOARCH},
			"heimpost %s (%s)", version(), strings.Join([]string{runtime.Version(), runtime.GOOS, runtime.GOARCH}, " "))
	}
	return c
}
