package hub

import (
	"context"

	"heimpost/pop3fetch"
)

// Preset is what is known of the provider of an address.
type Preset struct {
	Provider string `json:"provider"`
	Host     string `json:"host"`
	// OAuth names where one may sign in instead of having a password;
	// Passwords says whether a password works.
	OAuth     string `json:"oauth,omitempty"`
	Passwords bool   `json:"passwords"`
	// Registered: heimpost.toml has a client id for the sign-in; else
	// Register says what to register.
	Registered bool   `json:"registered,omitempty"`
	Register   string `json:"register,omitempty"`
	RegisterDE string `json:"register_de,omitempty"`

	Hints   []string `json:"hints,omitempty"`
	HintsDE []string `json:"hints_de,omitempty"`
}

// AccountPreset tells what is known of an address's provider. Nobody is asked
// but the DNS.
var AccountPreset = newOp("account.preset", (*Hub).accountPreset)

func (h *Hub) accountPreset(ctx context.Context, p AccountParams) (out Preset, err error) {
	address, err := CleanAddress(p.Address)
	if err != nil {
		return out, err
	}
	preset, err := h.preset(ctx, address)
	if err != nil {
		return out, err
	}
	out = Preset{Provider: preset.Provider, Host: preset.Host, OAuth: preset.OAuth, Passwords: preset.Passwords()}
	out.Hints, out.HintsDE = hints(preset)
	if preset.OAuth != "" {
		provider, err := h.configured(preset.OAuth)
		if err != nil {
			return out, err
		}
		if out.Registered = provider.ClientID != ""; !out.Registered {
			out.Register, out.RegisterDE = provider.Register, provider.RegisterDE
		}
	}
	return out, nil
}

// preset finds what is known of the provider of an address; the zero preset
// where nothing is.
func (h *Hub) preset(ctx context.Context, address string) (pop3fetch.Preset, error) {
	ask, cancel := context.WithTimeout(ctx, presetTimeout)
	defer cancel()
	preset, found := pop3fetch.FindPreset(ask, address, h.o.LookupMX)
	if !found {
		return pop3fetch.Preset{}, nil
	}
	return preset, preset.Err()
}
