package hub

import (
	"context"
	"database/sql"
	"errors"
)

// Network tells whether devices in the home network may connect.
type Network struct {
	Open bool `json:"open"` // the switch
	// Listening are the addresses that it has opened, by service: imaps,
	// webs (the pages), web (in clear, what is public only). Empty where
	// nothing serves.
	Listening map[string][]string `json:"listening"`
	// Configured is true where heimpost.toml itself opens mail for others.
	Configured bool     `json:"configured"`
	Errors     []string `json:"errors,omitempty"` // what could not be opened
	ErrorsDE   []string `json:"errors_de,omitempty"`
}

// NetworkParams are those of NetworkSet.
type NetworkParams struct {
	Open bool `json:"open"`
}

var (
	// NetworkGet tells how the switch stands.
	NetworkGet = newOp("network.get", (*Hub).networkGet)
	// NetworkSet puts it; while the hub serves, at once.
	NetworkSet = newOp("network.set", (*Hub).networkSet)
)

// networkOpen reads the switch.
func (h *Hub) networkOpen(ctx context.Context) (on bool, err error) {
	err = h.db.QueryRowContext(ctx, "SELECT value='on' FROM setting WHERE name='network'").Scan(&on)
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	return on, dbError(err)
}

func (h *Hub) networkGet(ctx context.Context, _ None) (out Network, err error) {
	out.Listening = map[string][]string{}
	if out.Open, err = h.networkOpen(ctx); err != nil || h.network == nil {
		return out, err
	}
	for _, s := range h.network.services {
		out.Listening[s.name] = h.network.listening(s.name)
	}
	h.network.mu.Lock()
	for _, err := range h.network.errs {
		out.Errors, out.ErrorsDE = append(out.Errors, err.Error()), append(out.ErrorsDE, German(err))
	}
	h.network.mu.Unlock()
	out.Configured = h.network.configured
	return out, nil
}

func (h *Hub) networkSet(ctx context.Context, p NetworkParams) (out Network, err error) {
	value := "off"
	if p.Open {
		value = "on"
	}
	err = h.tx(ctx, func(q *sql.Tx) error {
		_, err := q.ExecContext(ctx, "INSERT OR REPLACE INTO setting(name, value) VALUES('network', ?)", value)
		return err
	})
	if err != nil {
		return out, err
	}
	if h.network != nil {
		h.network.set(p.Open)
	}
	return h.networkGet(ctx, None{})
}
