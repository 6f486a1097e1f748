package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"heimpost/hub"
)

// Exit codes.
const (
	exitDone   = 0
	exitFailed = 1
	exitUsage  = 2
	exitPartly = 3
)

// command is one command, made anew for each run.
type command struct {
	name     string // "person add"
	args     string // "NAME", as help shows it
	least    int    // number of arguments
	most     int    // -1: any
	short    string
	long     string // more lines for --help
	flags    *pflag.FlagSet
	run      func(e *env, args []string) error
	password *bool // --password-stdin, where there is a password
	creates  bool  // the data folder may be new
}

// newCommand makes a command that takes from least to most arguments.
func newCommand(name, args string, least, most int, short string) *command {
	return &command{name: name, args: args, least: least, most: most, short: short, flags: pflag.NewFlagSet(name, pflag.ContinueOnError)}
}

// commands lists all commands, in the order of help.
func commands() []*command {
	return []*command{
		demoCommand(), serveCommand(), networkCommand(), statusCommand(),
		personAdd(), personList(), personPassword(), personRemove(),
		deviceAdd(), deviceList(), deviceSet(), deviceShowAll(), deviceRevoke(),
		boxAdd(), boxList(), boxMailboxes(), boxGrowth(), boxSet(), boxGrant(), boxRevoke(), boxRemove(),
		accountAdd(), accountList(), accountTest(), accountSignIn(), accountSet(), accountRemove(),
		fetchCommand(), deletedList(), deletedShow(), deletedRestore(), deletedPurge(), activityCommand(),
		importCommand(), exportCommand(), backupCommand(), restoreCommand(), verifyCommand(), rebuildCommand(), versionCommand(),
	}
}

// env is what a command works with.
type env struct {
	ctx      context.Context
	stdin    io.Reader
	out, err io.Writer
	data     string // --data
	json     bool   // --json
	cmd      *command
}

// usageError is wrong usage.
type usageError string

func (e usageError) Error() string { return string(e) }

// partlyError says that some of it was done.
type partlyError string

func (e partlyError) Error() string { return string(e) }

// run does what the arguments say and gives the exit code.
func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	e := &env{ctx: ctx, stdin: stdin, out: stdout, err: stderr}
	err := e.dispatch(args)
	if err == nil || errors.Is(err, errHelp) {
		return exitDone
	}
	text := err.Error()
	if german() {
		text = hub.German(err)
	}
	for line := range strings.Lines(strings.TrimSpace(text)) {
		fmt.Fprintf(stderr, "heimpost: %s\n", strings.TrimRight(line, "\n"))
	}
	var usage usageError
	var partly partlyError
	switch {
	case errors.As(err, &usage), errors.Is(err, hub.KindInvalid):
		return exitUsage
	case errors.As(err, &partly):
		return exitPartly
	}
	return exitFailed
}

// errHelp ends a command that has shown its help.
var errHelp = errors.New("help was shown")

func (e *env) dispatch(args []string) error {
	all := commands()
	for _, c := range all {
		c.flags.SortFlags = false
		c.flags.Usage = func() {}
		c.flags.StringVar(&e.data, "data", "", "the data `DIR` (default: HEIMPOST_DATA, else the system's folder for data)")
		c.flags.BoolVar(&e.json, "json", false, "print JSON")
	}
	c, rest, err := find(all, args)
	if err != nil {
		return err
	}
	if c == nil {
		e.overview(all)
		return errHelp
	}
	e.cmd = c
	if err := c.flags.Parse(rest); err != nil {
		if errors.Is(err, pflag.ErrHelp) {
			e.help(c)
			return errHelp
		}
		return e.misused("%s", strings.Replace(err.Error(), "flag", "option", 1))
	}
	names := c.flags.Args()
	switch {
	case len(names) < c.least:
		return e.misused("%s: something is missing after it: %s", c.name, c.args)
	case c.most >= 0 && len(names) > c.most:
		return e.misused("%s: %q is too much", c.name, names[c.most])
	}
	return c.run(e, names)
}

// misused makes an error of wrong usage that says where to read more.
func (e *env) misused(format string, args ...any) error {
	return usageError(fmt.Sprintf(format, args...) + fmt.Sprintf(" (heimpost %s --help)", e.cmd.name))
}

// find picks the command out of the arguments, among which options may stand
// anywhere. No command is no error where help is wanted.
func find(all []*command, args []string) (c *command, rest []string, err error) {
	takesValue := map[string]bool{}
	for _, c := range all {
		c.flags.VisitAll(func(f *pflag.Flag) { takesValue[f.Name] = f.NoOptDefVal == "" })
	}
	var words []int // places of arguments that are no options
	help := len(args) == 0
	for i := 0; i < len(args); i++ {
		a := args[i]
		switch name, isOption := strings.CutPrefix(a, "--"); {
		case a == "--":
			i = len(args)
		case a == "-h", a == "--help":
			help = true
		case isOption && !strings.Contains(name, "=") && takesValue[name]:
			i++
		case strings.HasPrefix(a, "-") && a != "-":
		default:
			words = append(words, i)
		}
	}
	for n := min(2, len(words)); n > 0; n-- {
		var name []string
		for _, i := range words[:n] {
			name = append(name, args[i])
		}
		if i := slices.IndexFunc(all, func(c *command) bool { return c.name == strings.Join(name, " ") }); i >= 0 {
			rest = slices.Clone(args)
			for _, w := range slices.Backward(words[:n]) {
				rest = slices.Delete(rest, w, w+1)
			}
			return all[i], rest, nil
		}
	}
	if len(words) > 0 && args[words[0]] == "help" {
		if len(words) == 1 {
			return nil, nil, nil
		}
		return find(all, append(slices.Delete(slices.Clone(args), words[0], words[0]+1), "--help"))
	}
	if len(words) == 0 {
		if help {
			return nil, nil, nil
		}
		return nil, nil, usageError("which command? heimpost --help lists them")
	}
	var below []string
	for _, c := range all {
		if word, sub, _ := strings.Cut(c.name, " "); word == args[words[0]] && sub != "" {
			below = append(below, sub)
		}
	}
	if len(below) > 0 {
		text := fmt.Sprintf("heimpost %s needs one of: %s", args[words[0]], strings.Join(below, ", "))
		if help && len(words) == 1 {
			return nil, nil, nil
		}
		return nil, nil, usageError(text)
	}
	return nil, nil, usageError(fmt.Sprintf("there is no command %q; heimpost --help lists them", args[words[0]]))
}

// overview lists all commands.
func (e *env) overview(all []*command) {
	fmt.Fprint(e.out, "heimpost fetches mail from POP3 accounts, keeps it and serves it to mail clients.\n\nCommands:\n")
	for _, c := range all {
		fmt.Fprintf(e.out, "  %-18s %s\n", c.name, c.short)
	}
	dir, err := e.dir()
	if err != nil {
		dir = err.Error()
	}
	fmt.Fprintf(e.out, "\nheimpost COMMAND --help tells more. --json prints JSON.\n"+
		"The data folder (--data DIR, or HEIMPOST_DATA): %s\n"+
		"Exit codes: 0 done, 1 failed, 2 wrong usage, 3 partly done.\n", dir)
}

// help describes one command.
func (e *env) help(c *command) {
	fmt.Fprintf(e.out, "heimpost %s %s\n\n%s\n", c.name, c.args, c.short)
	if c.long != "" {
		fmt.Fprintf(e.out, "\n%s\n", c.long)
	}
	fmt.Fprintf(e.out, "\nOptions:\n%s", c.flags.FlagUsages())
}

// waitFor is how long a command waits for what another process holds.
const waitFor = 60 * time.Second

// dir gives the data folder.
func (e *env) dir() (string, error) { return hub.DataDir(e.data) }

// connect gives the way to the data.
func (e *env) connect() (hub.Caller, error) {
	dir, err := e.dir()
	if err != nil {
		return nil, err
	}
	return hub.Connect(e.ctx, dir, hub.Options{Version: version(), Existing: !e.cmd.creates, Wait: waitFor, OnWait: e.waiting})
}

// waiting says what a command waits for.
func (e *env) waiting(what string) {
	fmt.Fprintf(e.err, "heimpost: waiting for another heimpost command that uses %s (up to %d s)\n", what, int(waitFor.Seconds()))
}

// do has an action done and closes the way again.
func do[P, R any](e *env, op hub.Op[P, R], p P, tell func(hub.Progress)) (r R, err error) {
	c, err := e.connect()
	if err != nil {
		return r, err
	}
	r, err = hub.Do(e.ctx, c, op, p, tell)
	if err := errors.Join(err, c.Close()); err != nil {
		if e.ctx.Err() != nil {
			return r, errors.New("interrupted")
		}
		return r, err
	}
	return r, nil
}

// withPassword adds the option by which a script gives a password.
func (c *command) withPassword() {
	c.password = c.flags.Bool("password-stdin", false, "read the password as one line from standard input")
}

// terminal gives the terminal that a stream is; ok is false for others.
func terminal(stream any) (fd int, ok bool) {
	f, ok := stream.(*os.File)
	if !ok {
		return 0, false
	}
	return int(f.Fd()), isTerminal(int(f.Fd()))
}

// newLines gives one line of a stream after the other, without their ends.
func newLines(r io.Reader) func() (string, error) {
	lines := bufio.NewScanner(r)
	return func() (string, error) {
		if lines.Scan() {
			return strings.TrimSpace(lines.Text()), nil
		}
		if err := lines.Err(); err != nil {
			return "", err
		}
		return "", io.EOF
	}
}

// readLine reads one line without its end.
func readLine(r io.Reader) (string, error) {
	line, err := bufio.NewReader(io.LimitReader(r, 64<<10)).ReadString('\n')
	if err != nil && (!errors.Is(err, io.EOF) || line == "") {
		return "", err
	}
	return strings.TrimRight(line, "\r\n"), nil
}
