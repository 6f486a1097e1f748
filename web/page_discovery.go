package web

import (
	"errors"
	"net"
	"net/http"
	"strconv"
	"strings"

	"heimpost/hub"
	"heimpost/pop3fetch"
	"heimpost/web/clientconf"
)

// discoveryPaths are asked for by mail programs, in any letter case, under any
// name that leads here; what they answer is no secret.
var discoveryPaths = []string{
	"/mail/config-v1.1.xml", "/.well-known/autoconfig/mail/config-v1.1.xml",
	"/autodiscover/autodiscover.xml", "/autodiscover/autodiscover.json",
}

func isDiscovery(p string) bool {
	for _, d := range discoveryPaths {
		if strings.EqualFold(p, d) || strings.HasPrefix(strings.ToLower(p), d+"/") {
			return true
		}
	}
	return false
}

// discovery answers mail programs that look for their settings.
func (s *Site) discovery(mux *http.ServeMux) {
	mux.HandleFunc("GET /mail/config-v1.1.xml", s.autoconfig)
	mux.HandleFunc("GET /.well-known/autoconfig/mail/config-v1.1.xml", s.autoconfig)
	any := func(w http.ResponseWriter, r *http.Request) {
		switch p := strings.ToLower(r.URL.Path); {
		case p == "/autodiscover/autodiscover.xml":
			s.autodiscover(w, r)
		case p == "/autodiscover/autodiscover.json" || strings.HasPrefix(p, "/autodiscover/autodiscover.json/"):
			s.autodiscoverJSON(w, r)
		default:
			s.failure(w, r, http.StatusNotFound, "error.notfound")
		}
	}
	for _, first := range []string{"autodiscover", "Autodiscover", "AutoDiscover", "AUTODISCOVER"} {
		mux.HandleFunc("/"+first+"/", any)
	}
}

// settings gives what a mail program needs for an address; user is what it
// logs in with.
func (s *Site) settings(r *http.Request, address, user string) clientconf.Account {
	a := clientconf.Account{Name: "Heimpost", Address: address, IMAP: clientconf.Server{Host: s.hostFor(r), Port: s.imapPort(), User: user}}
	if preset, found := pop3fetch.PresetFor(address); found && preset.SMTPHost != "" {
		a.SMTP = &clientconf.Server{Host: preset.SMTPHost, Port: preset.SMTPPort, StartTLS: preset.SMTPTLS == pop3fetch.TLSStart,
			User: preset.UserName(address)}
	}
	return a
}

// hostFor gives the name by which a mail program shall reach the hub: the one
// in use where the certificate holds it, else this computer's.
func (s *Site) hostFor(r *http.Request) string {
	host := r.Host
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	host = strings.ToLower(host)
	names := s.r.Certs.Names()
	best := ""
	for _, n := range names {
		if n == host && n != "localhost" {
			return n
		}
		if best == "" && n != "localhost" {
			best = n
		}
		if strings.HasSuffix(n, ".local") {
			best = n // reached in the home network without a name server
		}
	}
	local := s.r.Local()
	switch {
	case remoteAddr(r).IsLoopback() && hub.OnlyHere(s.r.Mail()) || best == "":
		return "localhost"
	case local != "":
		return local // the home network is told this one
	}
	return best
}

// imapPort gives the port with TLS.
func (s *Site) imapPort() int {
	for _, a := range s.r.Mail() {
		if _, port, err := net.SplitHostPort(a); err == nil {
			if n, err := strconv.Atoi(port); err == nil {
				return n
			}
		}
	}
	return 993
}

func (s *Site) autoconfig(w http.ResponseWriter, r *http.Request) {
	address, user := "%EMAILADDRESS%", "%EMAILADDRESS%"
	if asked := r.URL.Query().Get("emailaddress"); asked != "" {
		clean, err := clientconf.CleanAddress(asked)
		if err != nil {
			s.failure(w, r, http.StatusBadRequest, "error.address")
			return
		}
		address, user = clean, s.userFor(r, clean)
	}
	b, err := clientconf.Autoconfig(s.settings(r, address, user))
	s.xml(w, r, b, err)
}

// userFor gives what an address logs in with: at one of the hub's own names
// the part before the @ is a person or a box.
func (s *Site) userFor(r *http.Request, address string) string {
	local, domain, _ := strings.Cut(address, "@")
	for _, n := range s.r.Certs.Names() {
		if n == domain {
			return local
		}
	}
	return address
}

func (s *Site) autodiscover(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", "POST")
		s.failure(w, r, http.StatusMethodNotAllowed, "error.post")
		return
	}
	address, err := clientconf.AutodiscoverRequest(r.Body)
	if err != nil {
		status := http.StatusBadRequest
		if errors.Is(err, clientconf.ErrNotForUs) {
			status = http.StatusNotFound
		}
		s.failure(w, r, status, "error.address")
		return
	}
	b, err := clientconf.Autodiscover(s.settings(r, address, s.userFor(r, address)))
	s.xml(w, r, b, err)
}

func (s *Site) autodiscoverJSON(w http.ResponseWriter, r *http.Request) {
	protocol := ""
	for key, values := range r.URL.Query() {
		if strings.EqualFold(key, "Protocol") && len(values) > 0 {
			protocol = values[0]
		}
	}
	b, ok, err := clientconf.AutodiscoverJSON(protocol, "https://"+s.hostFor(r)+"/Autodiscover/Autodiscover.xml")
	if err != nil {
		s.failure(w, r, http.StatusInternalServerError, "error.fault")
		return
	}
	w.Header().Set("Content-Type", "application/json")
	if !ok {
		w.WriteHeader(http.StatusBadRequest)
	}
	w.Write(b)
}

func (s *Site) xml(w http.ResponseWriter, r *http.Request, b []byte, err error) {
	if err != nil {
		s.log.Error("web: settings for a mail program", "error", err)
		s.failure(w, r, http.StatusInternalServerError, "error.fault")
		return
	}
	w.Header().Set("Content-Type", "text/xml; charset=utf-8")
	w.Write(b)
}
