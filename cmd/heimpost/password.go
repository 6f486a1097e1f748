package main

import (
	"errors"
	"fmt"
	"io"

	"golang.org/x/term"
)

func isTerminal(fd int) bool { return term.IsTerminal(fd) }

// errNoPassword says that there is nobody to ask.
var errNoPassword = errors.New("no terminal to ask for the password")

// askPassword gets a password: one line of standard input with
// --password-stdin, else from the terminal, twice where a new one is set.
func (e *env) askPassword(prompt string, twice bool) (string, error) {
	if *e.cmd.password {
		line, err := readLine(e.stdin)
		if errors.Is(err, io.EOF) {
			return "", usageError("--password-stdin: standard input holds no password")
		}
		return line, err
	}
	fd, ok := terminal(e.stdin)
	if !ok {
		return "", errNoPassword
	}
	ask := func(prompt string) (string, error) {
		fmt.Fprint(e.err, prompt+": ")
		state, err := term.GetState(fd)
		if err != nil {
			return "", err
		}
		type answer struct {
			line []byte
			err  error
		}
		got := make(chan answer, 1)
		go func() {
			line, err := term.ReadPassword(fd)
			got <- answer{line, err}
		}()
		select {
		case a := <-got:
			fmt.Fprintln(e.err)
			return string(a.line), a.err
		case <-e.ctx.Done(): // the reader cannot be woken; the process ends
			fmt.Fprintln(e.err)
			return "", errors.Join(errors.New("interrupted"), term.Restore(fd, state))
		}
	}
	first, err := ask(prompt)
	if err != nil || !twice {
		return first, err
	}
	second, err := ask("once more")
	if err == nil && first != second {
		err = errors.New("the two are not the same; nothing was changed")
	}
	return first, err
}

// needPassword is askPassword where there must be one.
func (e *env) needPassword(prompt string, twice bool) (string, error) {
	p, err := e.askPassword(prompt, twice)
	if errors.Is(err, errNoPassword) {
		return "", e.misused("%s: give the password as one line on standard input with --password-stdin", e.cmd.name)
	}
	return p, err
}
