package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"heimpost/hub"
)

func accountSignIn() *command {
	c := newCommand("account signin", "ADDRESS", 1, 1, "sign in at a provider that wants no password (OAuth2)")
	c.long = "Microsoft shows a code that is typed on any device. Google sends the browser back to this computer; where\n" +
		"the browser runs on another one, it ends at a page that cannot be shown, whose address is pasted here (--paste).\n" +
		"What is kept is encrypted like a password. Signing in again replaces it."
	client := c.flags.String("client-id", "", "the `ID` of this hub's registration at the provider, instead of that in heimpost.toml")
	paste := c.flags.Bool("paste", false, "read the address that the browser was sent to from standard input")
	c.run = func(e *env, args []string) error {
		way, err := e.connect()
		if err != nil {
			return err
		}
		a, err := e.signIn(way, args[0], *client, *paste)
		if err = errors.Join(err, way.Close()); err != nil {
			if e.ctx.Err() != nil {
				return errors.New("interrupted")
			}
			return err
		}
		return e.say(map[string]string{"address": a}, "%s has signed in; its mail is fetched from now on", a)
	}
	return c
}

// signIn tells what to do and waits until it is done.
func (e *env) signIn(way hub.Caller, address, client string, paste bool) (signedIn string, err error) {
	started, err := hub.Do(e.ctx, way, hub.SignInStart, hub.SignInParams{Address: address, ClientID: client}, nil)
	if err != nil {
		return "", err
	}
	ctx, cancel := context.WithDeadline(e.ctx, started.Expires)
	defer cancel()
	if started.Code != "" {
		if paste {
			return "", e.misused("account signin: at %s there is nothing to paste", started.Provider)
		}
		fmt.Fprintf(e.err, "Open %s on any device, type the code %s and sign in as %s.\n", started.URL, started.Code, started.Address)
		return e.awaitSignIn(ctx, way, hub.SignInStep{ID: started.ID})
	}
	fmt.Fprintf(e.err, "Open this address in a browser and sign in as %s:\n%s\n", started.Address, started.URL)
	if !paste {
		if _, isTerminal := terminal(e.stdin); !isTerminal {
			return e.awaitSignIn(ctx, way, hub.SignInStep{ID: started.ID})
		}
	}
	fmt.Fprintf(e.err, "If the browser runs on another computer, it ends at a page that cannot be shown: paste its address here (%s…).\n", started.Redirect)
	return e.browserOrPaste(ctx, way, started, paste)
}

func (e *env) awaitSignIn(ctx context.Context, way hub.Caller, step hub.SignInStep) (string, error) {
	state, err := hub.Do(ctx, way, hub.SignInWait, step, nil)
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		err = errors.New("nobody has signed in in time; begin again")
	}
	return state.Address, err
}

// browserOrPaste waits for whichever comes first: the browser that comes back,
// or a line with the address that it was sent to.
func (e *env) browserOrPaste(ctx context.Context, way hub.Caller, started hub.SignInStarted, paste bool) (string, error) {
	type outcome struct {
		address string
		err     error
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	got := make(chan outcome, 1)
	go func() {
		address, err := e.awaitSignIn(ctx, way, hub.SignInStep{ID: started.ID})
		got <- outcome{address, err}
	}()
	lines := make(chan string) // its reader cannot be woken; the process ends
	ended := make(chan error, 1)
	go func() {
		in := newLines(e.stdin)
		for {
			line, err := in()
			if err != nil {
				ended <- err
				return
			}
			select {
			case lines <- line:
			case <-ctx.Done():
				return
			}
		}
	}()
	for {
		select {
		case o := <-got:
			return o.address, o.err
		case line := <-lines:
			if line == "" {
				continue
			}
			address, err := e.awaitSignIn(ctx, way, hub.SignInStep{ID: started.ID, Pasted: line})
			if err == nil || ctx.Err() != nil {
				return address, err
			}
			fmt.Fprintf(e.err, "heimpost: %v\n", err)
		case err := <-ended:
			if !errors.Is(err, io.EOF) {
				return "", err
			}
			if paste {
				return "", errors.New("the sign-in is not complete: standard input ended without the right address")
			}
			ended = nil
		}
	}
}
