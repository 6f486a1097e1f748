package web

import (
	"fmt"
	"net/http"
	"path"
	"strings"
	"time"

	"heimpost/hub"
)

// static serves the style sheet and the script.
func (s *Site) static() http.Handler {
	files := http.FileServerFS(staticFiles)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if path.Ext(r.URL.Path) == "" { // no lists of files
			s.failure(w, r, http.StatusNotFound, "error.notfound")
			return
		}
		w.Header().Set("Cache-Control", "max-age=3600")
		files.ServeHTTP(w, r)
	})
}

// switched serves a page where the configuration says so.
func (s *Site) switched(on bool, page http.HandlerFunc) http.HandlerFunc {
	if on {
		return page
	}
	return func(w http.ResponseWriter, r *http.Request) { s.failure(w, r, http.StatusNotFound, "error.notfound") }
}

// healthz answers whoever asks whether the hub is there.
func (s *Site) healthz(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	fmt.Fprintln(w, "ok")
}

// metrics gives counts, and no names, in Prometheus' text format.
func (s *Site) metrics(w http.ResponseWriter, r *http.Request) {
	st, err := hub.Do(r.Context(), s.h, hub.GetStatus, hub.None{}, nil)
	if err != nil {
		s.log.Error("web: metrics", "error", err)
		http.Error(w, "no figures", http.StatusInternalServerError)
		return
	}
	var messages, failing, waiting, pending, unretrievable int
	var size int64
	for _, b := range st.Boxes {
		messages += b.Messages
		size += b.Bytes
	}
	for _, a := range st.Accounts {
		if a.Error != "" {
			failing++
		}
		waiting += a.Waiting
		pending += a.PendingDeletions
		unretrievable += a.Unretrievable
	}
	w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
	gauge := func(name, help string, v any) {
		fmt.Fprintf(w, "# HELP heimpost_%[1]s %[2]s\n# TYPE heimpost_%[1]s gauge\nheimpost_%[1]s %[3]v\n", name, help, v)
	}
	gauge("connections", "IMAP connections that are open.", st.Connections)
	gauge("boxes", "Boxes.", len(st.Boxes))
	gauge("messages", "Messages in all boxes.", messages)
	gauge("mail_bytes", "Octets of all mails.", size)
	gauge("accounts", "Providers' accounts.", len(st.Accounts))
	gauge("accounts_failing", "Accounts whose last round failed.", failing)
	gauge("waiting", "Messages at providers that are not yet fetched.", waiting)
	gauge("pending_deletions", "Messages that are to be deleted at providers.", pending)
	gauge("unretrievable", "Messages that could not be fetched.", unretrievable)
	gauge("devices", "Devices.", len(st.Devices))
	gauge("search_pending", "Mails that wait for the search index.", st.SearchPending)
	gauge("disk_free_bytes", "Octets free on the disk.", st.DiskFree)
	gauge("certificate_expires_seconds", "End of the certificate, seconds since 1970.", s.r.Certs.NotAfter().Unix())
}

// caPEM serves the authority's certificate.
func (s *Site) caPEM(w http.ResponseWriter, r *http.Request) {
	_, pem := s.r.Certs.CA()
	s.certificate(w, r, "application/x-pem-file", "heimpost-ca.pem", pem)
}

// caDER serves it in the form that phones and Windows open.
func (s *Site) caDER(w http.ResponseWriter, r *http.Request) {
	der, _ := s.r.Certs.CA()
	s.certificate(w, r, "application/x-x509-ca-cert", "heimpost-ca.crt", der)
}

func (s *Site) certificate(w http.ResponseWriter, r *http.Request, kind, name string, b []byte) {
	if b == nil {
		s.failure(w, r, http.StatusNotFound, "error.noca")
		return
	}
	w.Header().Set("Content-Type", kind)
	w.Header().Set("Content-Disposition", `attachment; filename="`+name+`"`)
	w.Write(b)
}

// chooseLang keeps a language and goes back to where the visitor was.
func (s *Site) chooseLang(w http.ResponseWriter, r *http.Request) {
	http.SetCookie(w, &http.Cookie{Name: "lang", Value: r.PathValue("lang"), Path: "/", SameSite: http.SameSiteStrictMode,
		MaxAge: int(365 * 24 * time.Hour / time.Second)})
	back := r.URL.Query().Get("back")
	if !strings.HasPrefix(back, "/") || strings.HasPrefix(back, "//") || strings.ContainsAny(back, "\\\r\n") {
		back = "/"
	}
	http.Redirect(w, r, back, http.StatusSeeOther)
}
