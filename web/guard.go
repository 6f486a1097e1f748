package web

import (
	"context"
	"net"
	"net/http"
	"net/netip"
	"runtime/debug"
	"slices"
	"strings"
)

// secureKey marks a request's context: it came by TLS or from this computer.
type secureKey struct{}

// isSecure reports whether nobody on the way can read the request.
func isSecure(r *http.Request) bool {
	ok, _ := r.Context().Value(secureKey{}).(bool)
	return ok
}

// remoteAddr gives where a request comes from.
func remoteAddr(r *http.Request) netip.Addr {
	a, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	return a.Addr().Unmap().WithZone("")
}

// inClear are the paths that are served over plain HTTP from other computers:
// they hold no secret and take none.
var inClear = []string{"/healthz", "/metrics", "/ca.pem", "/ca.crt", "/trust", "/static/", "/lang/"}

// guard stands around every page: what failed inside becomes a page and a line
// in the log, strangers' names for this host are refused (a page elsewhere
// could else reach us by a name of its own), and plain HTTP from other
// computers gets only what is public.
func (s *Site) guard(next http.Handler) http.Handler {
	forms := http.NewCrossOriginProtection()
	forms.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.failure(w, r, http.StatusForbidden, "error.crossorigin")
	}))
	next = forms.Handler(next)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			if p := recover(); p != nil && p != http.ErrAbortHandler {
				s.log.Error("web: a page failed by a fault of Heimpost", "path", r.URL.Path, "panic", p, "stack", string(debug.Stack()))
				s.failure(w, r, http.StatusInternalServerError, "error.fault")
			}
		}()
		headers(w.Header())
		remote := remoteAddr(r)
		secure := r.TLS != nil || remote.IsLoopback() && !forwarded(r)
		r = r.WithContext(context.WithValue(r.Context(), secureKey{}, secure))
		public := slices.ContainsFunc(inClear, func(p string) bool {
			return r.URL.Path == p || strings.HasSuffix(p, "/") && strings.HasPrefix(r.URL.Path, p)
		}) || strings.HasPrefix(r.URL.Path, "/phone/")
		switch {
		case !s.knownHost(r.Host) && !public && !isDiscovery(r.URL.Path):
			s.failure(w, r, http.StatusMisdirectedRequest, "error.host")
		case !secure && !public && !isDiscovery(r.URL.Path):
			s.toHTTPS(w, r)
		default:
			r.Body = http.MaxBytesReader(w, r.Body, maxForm)
			next.ServeHTTP(w, r)
		}
	})
}

// maxForm bounds what a browser may send.
const maxForm = 1 << 20

// forwarded reports whether another program hands on a request of somebody
// who is not on this computer.
func forwarded(r *http.Request) bool {
	return r.Header.Get("X-Forwarded-For") != "" || r.Header.Get("Forwarded") != ""
}

// headers are those of every answer.
func headers(h http.Header) {
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Referrer-Policy", "same-origin")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Permissions-Policy", "camera=(), microphone=(), geolocation=()")
	h.Set("Cache-Control", "no-store")
}

// knownHost reports whether a Host header names this computer: an address, a
// name of loopback, or one that the certificate holds.
func (s *Site) knownHost(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	host = strings.ToLower(strings.TrimSuffix(strings.Trim(host, "[]"), "."))
	if _, err := netip.ParseAddr(host); err == nil {
		return true
	}
	return host == "localhost" || slices.Contains(s.r.Certs.Names(), host)
}

// toHTTPS sends a visitor from another computer to the encrypted pages, or
// tells him that there are none.
func (s *Site) toHTTPS(w http.ResponseWriter, r *http.Request) {
	if len(s.r.Pages()) == 0 {
		s.failure(w, r, http.StatusForbidden, "error.insecure")
		return
	}
	http.Redirect(w, r, s.httpsURL(r.Host)+r.URL.RequestURI(), http.StatusTemporaryRedirect)
}

// httpsURL gives the encrypted pages' address for who reached us by a host.
func (s *Site) httpsURL(host string) string {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	host = strings.Trim(host, "[]")
	port := "443"
	for _, a := range s.r.Pages() {
		if _, p, err := net.SplitHostPort(a); err == nil {
			port = p
			break
		}
	}
	if port == "443" {
		if strings.Contains(host, ":") {
			host = "[" + host + "]"
		}
		return "https://" + host
	}
	return "https://" + net.JoinHostPort(host, port)
}
