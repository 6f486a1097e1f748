package hub

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/pelletier/go-toml/v2"

	"heimpost/announce"
	"heimpost/pop3fetch/oauth"
)

// ConfigFile is the configuration's name in DATA.
const ConfigFile = "heimpost.toml"

// Config is what heimpost.toml says.
type Config struct {
	IMAP struct {
		Listen       []string `toml:"listen"`
		ListenTLS    []string `toml:"listen_tls"`
		Capabilities string   `toml:"capabilities"`
	} `toml:"imap"`
	Web struct {
		Listen    string `toml:"listen"`
		ListenTLS string `toml:"listen_tls"`
		Healthz   bool   `toml:"healthz"`
		Metrics   bool   `toml:"metrics"`
	} `toml:"web"`
	MDNS struct {
		Announce bool   `toml:"announce"`
		Name     string `toml:"name"`
	} `toml:"mdns"`
	TLS struct {
		Cert  string   `toml:"cert"`
		Key   string   `toml:"key"`
		Names []string `toml:"names"`
	} `toml:"tls"`
	// OAuth holds the registrations of this hub at providers, by the name of
	// the provider.
	OAuth  map[string]OAuthClient `toml:"oauth"`
	Limits struct {
		Message          Size `toml:"message"`
		Connections      int  `toml:"connections"`
		ConnectionsPerIP int  `toml:"connections_per_ip"`
	} `toml:"limits"`
	Log struct {
		Level  slog.Level `toml:"level"`
		Format string     `toml:"format"`
	} `toml:"log"`
}

// OAuthClient is this hub's registration at a provider. The addresses replace
// the usual ones where an organisation has its own.
type OAuthClient struct {
	ClientID     string `toml:"client_id"`
	ClientSecret string `toml:"client_secret"`
	AuthURL      string `toml:"auth_url"`
	TokenURL     string `toml:"token_url"`
	DeviceURL    string `toml:"device_url"`
}

// firstConfig is written at the first start, so that every key is seen; it is
// also what holds where a key is left out.
const firstConfig = `# Heimpost. All keys may be left out; these are the values that hold then.
# heimpost serve reads this file when it starts.

[imap]
# STARTTLS. Passwords in clear are accepted from this computer only.
# To let other devices in, listen on all addresses: ":1993"
listen       = ["127.0.0.1:1143"]
listen_tls   = ["127.0.0.1:1993"]
# "compatible": what widespread mail clients are known to take; "full": all.
capabilities = "compatible"

[web]
# Empty: no pages. From other computers this port hands out nothing but the
# certificate authority; the pages are there with encryption only.
listen       = "127.0.0.1:8143"
# For the pages on phones and other computers: ":8443" (and listen = ":8143").
listen_tls   = ""
# /healthz and /metrics (Prometheus): counts only, without login.
healthz      = true
metrics      = true

[mdns]
# Tells the home network where the hub is, once it listens to other devices: as
# heimpost.local. A second hub in the same network needs another name.
announce     = true
name         = "heimpost"

[tls]
# PEM files; empty: a certificate of the hub's own authority, in tls/.
cert = ""
key  = ""
# DNS names for the own certificate; localhost and this computer's are in it.
names = []

# Signing in at providers without a password (heimpost account signin) needs a
# registration there: that command says what to register, and where.
[oauth.microsoft]
client_id = ""

[oauth.google]
client_id = ""
client_secret = ""

[limits]
message = "150MiB"            # the largest mail
connections = 1000
connections_per_ip = 50

[log]
level = "info"                # debug, info, warn, error
format = "text"               # or "json"
`

// LoadConfig reads the configuration of a data folder; with create it writes
// one with comments where there is none.
func LoadConfig(dir string, create bool) (Config, error) {
	path := filepath.Join(dir, ConfigFile)
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		text = nil
		if create {
			if err := os.MkdirAll(dir, 0o700); err != nil {
				return Config{}, fmt.Errorf("the data folder %s cannot be made: %w", dir, err)
			}
			if err := writeFile(path, []byte(firstConfig), false); err != nil && !errors.Is(err, fs.ErrExist) {
				return Config{}, fmt.Errorf("the data folder %s cannot be written (read-only, no space left on the disk, or it belongs to another user): %w", dir, err)
			}
		}
	} else if err != nil {
		return Config{}, err
	}
	c, err := ParseConfig(text)
	if err != nil {
		return c, fmt.Errorf("%s: %w", path, err)
	}
	c.TLS.Cert, c.TLS.Key = under(dir, c.TLS.Cert), under(dir, c.TLS.Key)
	return c, nil
}

// under gives a path that is meant from dir.
func under(dir, path string) string {
	if path == "" || filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(dir, path)
}

// ParseConfig reads a configuration. Unknown keys are an error that names
// them.
func ParseConfig(text []byte) (c Config, err error) {
	if err := toml.Unmarshal([]byte(firstConfig), &c); err != nil {
		return c, err
	}
	// Lists that are given replace ours instead of filling them.
	given := c
	given.IMAP.Listen, given.IMAP.ListenTLS, given.TLS.Names = nil, nil, nil
	d := toml.NewDecoder(bytes.NewReader(text)).DisallowUnknownFields()
	if err := d.Decode(&given); err != nil {
		return c, configError(err)
	}
	if given.IMAP.Listen == nil {
		given.IMAP.Listen = c.IMAP.Listen
	}
	if given.IMAP.ListenTLS == nil {
		given.IMAP.ListenTLS = c.IMAP.ListenTLS
	}
	return given, given.check()
}

// configError says where a key is unknown or a value does not fit.
func configError(err error) error {
	if unknown := (*toml.StrictMissingError)(nil); errors.As(err, &unknown) {
		var keys []string
		for _, e := range unknown.Errors {
			line, _ := e.Position()
			keys = append(keys, fmt.Sprintf("%s (line %d)", strings.Join(e.Key(), "."), line))
		}
		return fmt.Errorf("unknown key %s: correct or remove it", strings.Join(keys, ", "))
	}
	if e := (*toml.DecodeError)(nil); errors.As(err, &e) {
		line, _ := e.Position()
		text := strings.TrimPrefix(e.Error(), "toml: ")
		if key := strings.Join(e.Key(), "."); key != "" {
			return fmt.Errorf("line %d, %s: %s", line, key, text)
		}
		return fmt.Errorf("line %d: %s", line, text)
	}
	return err
}

// check refuses values that cannot work.
func (c *Config) check() error {
	for _, l := range []struct {
		key       string
		addresses []string
	}{{"imap.listen", c.IMAP.Listen}, {"imap.listen_tls", c.IMAP.ListenTLS}, {"web.listen", []string{c.Web.Listen}}, {"web.listen_tls", []string{c.Web.ListenTLS}}} {
		for _, a := range l.addresses {
			if a == "" && strings.HasPrefix(l.key, "web.") {
				continue
			}
			_, port, err := net.SplitHostPort(a)
			if n, bad := strconv.Atoi(port); err != nil || bad != nil || n < 0 || n > 65535 {
				return fmt.Errorf("%s: %q is not an address with a port such as 127.0.0.1:1143", l.key, a)
			}
		}
	}
	for name, client := range c.OAuth {
		if _, known := oauth.Lookup(name); !known {
			return fmt.Errorf("oauth.%s: no such provider; google and microsoft are known", name)
		}
		for _, address := range []string{client.AuthURL, client.TokenURL, client.DeviceURL} {
			if address != "" && !protected(address) {
				return fmt.Errorf("oauth.%s: %q is not an https address", name, address)
			}
		}
	}
	switch {
	case c.IMAP.Capabilities != "compatible" && c.IMAP.Capabilities != "full":
		return fmt.Errorf("imap.capabilities: %q is neither \"compatible\" nor \"full\"", c.IMAP.Capabilities)
	case !announce.ValidName(c.MDNS.Name):
		return fmt.Errorf("mdns.name: %q is not a name of small letters, digits and dashes such as \"heimpost\" (without .local)", c.MDNS.Name)
	case (c.TLS.Cert == "") != (c.TLS.Key == ""):
		return errors.New("tls.cert and tls.key are given together, or neither is")
	case c.Limits.Message < 1<<16:
		return errors.New("limits.message: mails of 64 KiB must fit")
	case c.Limits.Connections < 1 || c.Limits.ConnectionsPerIP < 1:
		return errors.New("limits.connections and limits.connections_per_ip: at least 1")
	case c.Log.Format != "text" && c.Log.Format != "json":
		return fmt.Errorf("log.format: %q is neither \"text\" nor \"json\"", c.Log.Format)
	}
	return nil
}

// protected reports whether what goes to an address stays unread on its way:
// by TLS, or because it stays on this computer.
func protected(address string) bool {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" {
		return false
	}
	ip := net.ParseIP(u.Hostname())
	return u.Scheme == "https" || u.Scheme == "http" && ip != nil && ip.IsLoopback()
}

// Size is a number of octets, written as "150MiB".
type Size int64

// UnmarshalText reads a size.
func (s *Size) UnmarshalText(b []byte) error {
	text := strings.TrimSpace(string(b))
	digits := strings.TrimRight(text, "KMGTiB ")
	factor, known := map[string]int64{"": 1, "B": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30, "KB": 1e3, "MB": 1e6, "GB": 1e9}[strings.TrimSpace(text[len(digits):])]
	n, err := strconv.ParseInt(strings.TrimSpace(digits), 10, 64)
	if err != nil || !known || n < 0 || n > 1<<50/factor {
		return fmt.Errorf("%q is not a size such as \"150MiB\"", text)
	}
	*s = Size(n * factor)
	return nil
}

// DataDir gives the data folder: what was asked for, else HEIMPOST_DATA, else
// the platform's.
func DataDir(asked string) (string, error) {
	if asked == "" {
		asked = os.Getenv("HEIMPOST_DATA")
	}
	if asked != "" {
		return filepath.Abs(asked)
	}
	return platformDataDir()
}
