package main

import (
	"fmt"

	"heimpost/hub"
)

func statusCommand() *command {
	c := newCommand("status", "", 0, 0, "accounts, last and next check, waiting, failed, disk, connections")
	c.run = func(e *env, _ []string) error {
		s, err := do(e, hub.GetStatus, hub.None{}, nil)
		if err != nil {
			return err
		}
		if e.json {
			return e.printJSON(s)
		}
		running := "heimpost serve does not run"
		if s.Serving {
			running = "heimpost serve runs, " + count(s.Connections, "connection", "connections")
		}
		saved := "no backup yet (heimpost backup TARGET)"
		if b := s.LastBackup; b != nil {
			saved = "last backup " + when(b.Time) + " in " + b.Target
		}
		fmt.Fprintf(e.out, "%s; %s free on the disk; %s\n\n", running, size(s.DiskFree), saved)
		if err := accountTable(e, s.Accounts); err != nil {
			return err
		}
		fmt.Fprintln(e.out)
		if err := table(e, s.Boxes, "no boxes yet: heimpost person add NAME", "BOX MESSAGES SIZE TROUBLE", func(b hub.BoxStatus) []any {
			return []any{b.Name, b.Messages, size(b.Bytes), b.Error}
		}); err != nil {
			return err
		}
		fmt.Fprintln(e.out)
		return table(e, s.Devices, "no devices", "PERSON DEVICE PROGRAM SEEN", func(d hub.DeviceStatus) []any {
			seen := "never"
			if d.LastSeen != nil {
				seen = when(*d.LastSeen)
			}
			return []any{d.Person, d.Name, d.Client, seen}
		})
	}
	return c
}
