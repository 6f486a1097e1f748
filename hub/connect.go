package hub

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"
)

// Connect gives a command its way to a data folder: through the `serve` that
// runs on it, or by opening it. o.Serve must not be set.
func Connect(ctx context.Context, dir string, o Options) (Caller, error) {
	give := time.Now().Add(o.Wait)
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	for waiting := false; ; waiting = true {
		r, err := connectRemote(ctx, dir, o.Version)
		if !errors.Is(err, errNoServe) {
			return r, err
		}
		now := o
		now.Wait, now.OnWait = 0, nil
		h, err := Open(ctx, dir, now)
		if err == nil {
			h.o.Wait, h.o.OnWait = o.Wait, o.OnWait
			return h, nil
		}
		if !errors.Is(err, KindRunning) || time.Now().After(give) {
			return nil, err
		}
		// serve is starting, or ending.
		if !waiting && o.OnWait != nil {
			o.OnWait(dir)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}

// connectRemote finds a running `serve`.
func connectRemote(ctx context.Context, dir, version string) (Caller, error) {
	conn, err := dialControl(ctx, dir)
	if err != nil {
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		return nil, errNoServe
	}
	first := make(chan net.Conn, 1) // the connection that proved it
	first <- conn
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		select {
		case c := <-first:
			return c, nil
		default:
			return dialControl(ctx, dir)
		}
	}
	return &remote{client: &http.Client{Transport: &http.Transport{DialContext: dial}}, version: version}, nil
}

// call asks `serve` to run an action.
func (r *remote) call(ctx context.Context, name string, params, result any, tell func(Progress)) error {
	body, err := json.Marshal(params)
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://heimpost/op/"+name, bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set(versionHeader, r.version)
	resp, err := r.client.Do(req)
	if err != nil {
		return r.broken(ctx, err)
	}
	defer resp.Body.Close()
	if other := resp.Header.Get(versionHeader); other != r.version {
		return newError(KindRunning, "heimpost serve is running as version %s and this is %s: restart serve with this one, or use that one", other, r.version)
	}
	if resp.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(io.LimitReader(resp.Body, 300))
		return fmt.Errorf("heimpost serve answers %s: %s", resp.Status, bytes.TrimSpace(text))
	}
	lines := json.NewDecoder(resp.Body)
	for {
		var a answer
		if err := lines.Decode(&a); err != nil {
			return r.broken(ctx, err)
		}
		switch {
		case a.Progress != nil:
			tell(*a.Progress)
		case a.Error != nil:
			return a.Error
		default:
			return json.Unmarshal(a.Result, result)
		}
	}
}

// broken says that the channel ended before the answer.
func (r *remote) broken(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return fmt.Errorf("heimpost serve ended before it answered; look whether the action was done (%w)", err)
}
