package main

import (
	"strings"

	"heimpost/hub"
)

func deviceAdd() *command {
	c := newCommand("device add", "PERSON DEVICE", 2, 2, "add a device and show its password, once")
	c.long = "The password is for the mail program on that device, together with the person's name or a box's name or address."
	options := deviceOptions(c)
	c.run = func(e *env, args []string) error {
		d, err := do(e, hub.DeviceAdd, hub.DeviceAddParams{
			DeviceParams:  hub.DeviceParams{Person: args[0], Device: args[1]},
			DeviceOptions: options(),
		}, nil)
		if err != nil {
			return err
		}
		return e.say(d, "password: %s", d.Password)
	}
	return c
}

// deviceOptions adds the options of a device's rule.
func deviceOptions(c *command) func() hub.DeviceOptions {
	deletes := c.flags.String("deletes", "everywhere", "what deleting on it does: `everywhere` or here")
	window := c.flags.String("window", "all", "how much mail it sees: `all` or days such as 90d")
	without := c.flags.StringArray("without", nil, "take a `CAPABILITY` such as COMPRESS=DEFLATE away from it; may be repeated")
	return func() (o hub.DeviceOptions) {
		if c.flags.Changed("deletes") {
			o.Deletes = deletes
		}
		if c.flags.Changed("window") {
			o.Window = window
		}
		if c.flags.Changed("without") {
			o.Without = without
		}
		return o
	}
}

func deviceList() *command {
	c := newCommand("device list", "[PERSON]", 0, 1, "list devices")
	c.run = func(e *env, args []string) error {
		list, err := do(e, hub.DeviceList, hub.NameParams{Name: strings.Join(args, "")}, nil)
		if err != nil {
			return err
		}
		return table(e, list, "no devices", "PERSON DEVICE PROGRAM SEEN DELETES WINDOW WITHOUT", func(d hub.Device) []any {
			return []any{d.Person, d.Name, d.Client, when(d.LastSeen), d.Deletes, d.Window, strings.Join(d.Without, " ")}
		})
	}
	return c
}

func deviceRevoke() *command {
	c := newCommand("device revoke", "PERSON DEVICE", 2, 2, "end a device's password and its connections")
	c.run = func(e *env, args []string) error {
		if _, err := do(e, hub.DeviceRevoke, hub.DeviceParams{Person: args[0], Device: args[1]}, nil); err != nil {
			return err
		}
		return e.say(map[string]string{"person": args[0], "name": args[1]}, "%s of %s was revoked", args[1], args[0])
	}
	return c
}

func deviceSet() *command {
	c := newCommand("device set", "PERSON DEVICE", 2, 2, "change what a device does and sees")
	c.long = "A wider window lets old mail in again: the device's connections end, and its program has to load the folder anew.\n" +
		"--without \"\" gives all capabilities back."
	options := deviceOptions(c)
	c.run = func(e *env, args []string) error {
		d, err := do(e, hub.DeviceSet, hub.DeviceAddParams{
			DeviceParams:  hub.DeviceParams{Person: args[0], Device: args[1]},
			DeviceOptions: options(),
		}, nil)
		if err != nil {
			return err
		}
		without := ""
		if len(d.Without) > 0 {
			without = ", without " + strings.Join(d.Without, " ")
		}
		return e.say(d, "%s of %s: deletes %s, sees %s%s", d.Name, d.Person, d.Deletes, d.Window, without)
	}
	return c
}

func deviceShowAll() *command {
	c := newCommand("device show-all", "PERSON DEVICE", 2, 2, "bring back what a device has hidden by deleting")
	c.long = "Its connections end, and its program has to load the folders anew to see it."
	c.run = func(e *env, args []string) error {
		if _, err := do(e, hub.DeviceShowAll, hub.DeviceParams{Person: args[0], Device: args[1]}, nil); err != nil {
			return err
		}
		return e.say(map[string]string{"person": args[0], "name": args[1]}, "%s of %s sees everything again", args[1], args[0])
	}
	return c
}
