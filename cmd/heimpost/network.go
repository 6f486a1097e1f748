package main

import (
	"fmt"
	"strings"

	"heimpost/hub"
)

func networkCommand() *command {
	c := newCommand("network", "[on|off]", 0, 1, "let devices in the home network connect, or not")
	c.long = "on: mail (IMAP with TLS) and the pages (HTTPS) are served on this computer's private addresses, too; off: no more.\n" +
		"Connections from the internet are refused. It holds at once and after a restart. What heimpost.toml opens itself is not touched."
	c.run = func(e *env, args []string) error {
		var n hub.Network
		var err error
		switch strings.Join(args, "") {
		case "":
			n, err = do(e, hub.NetworkGet, hub.None{}, nil)
		case "on", "off":
			n, err = do(e, hub.NetworkSet, hub.NetworkParams{Open: args[0] == "on"}, nil)
		default:
			return usageError(fmt.Sprintf("%.40q is neither on nor off (heimpost network --help)", args[0]))
		}
		if err != nil {
			return err
		}
		text := "devices in the home network may not connect"
		if n.Open {
			text = "devices in the home network may connect"
		}
		for _, name := range []string{"imaps", "webs", "web"} {
			for _, a := range n.Listening[name] {
				text += "\n" + name + " " + a
			}
		}
		if n.Configured {
			text += "\nheimpost.toml itself opens mail for others"
		}
		for _, trouble := range n.Errors {
			text += "\n" + trouble
		}
		return e.say(n, "%s", text)
	}
	return c
}
