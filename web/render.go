package web

import (
	"bytes"
	"embed"
	"fmt"
	"html/template"
	"io/fs"
	"net/http"
	"net/url"
	"path"
	"strings"
	"time"

	"heimpost/hub"
)

//go:embed pages/*.html
var pageFiles embed.FS

//go:embed static/*
var staticFiles embed.FS

// page is what layout.html shows around a page's own data.
type page struct {
	Name   string // of its file
	Title  string // key of its text
	Person *hub.Person
	Path   string
	Notice string
	Narrow bool   // one question, nothing beside it
	Live   string // path of what static/live.js refreshes; "" for none
	Data   any
}

// templates are the pages by language and name.
type templates map[string]map[string]*template.Template

func loadTemplates(t texts) (templates, error) {
	all := templates{}
	names, err := fs.Glob(pageFiles, "pages/*.html")
	if err != nil {
		return nil, err
	}
	for _, lang := range languages {
		all[lang] = map[string]*template.Template{}
		for _, name := range names {
			base := strings.TrimSuffix(path.Base(name), ".html")
			if base == "layout" || strings.HasPrefix(base, "part_") {
				continue
			}
			one, err := template.New("layout.html").Funcs(t.words(lang, time.Time{})).ParseFS(pageFiles, "pages/layout.html", "pages/part_*.html", name)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", name, err)
			}
			all[lang][base] = one
		}
	}
	return all, nil
}

// show writes a page.
func (s *Site) show(w http.ResponseWriter, v *visit, status int, name string, p page) error {
	t, err := s.templates[v.lang][name].Clone()
	if err != nil {
		return err
	}
	t.Funcs(s.texts.words(v.lang, s.now()))
	p.Name, p.Path = name, here(v.r)
	if v.person.Name != "" {
		p.Person = &v.person
	}
	if v.session != nil {
		v.session.mu.Lock()
		if n := v.session.notice; n.key != "" {
			p.Notice = s.texts.get(v.lang, n.key, n.args...)
			v.session.notice = notice{}
		}
		v.session.mu.Unlock()
	}
	var b bytes.Buffer
	if err := t.Execute(&b, p); err != nil {
		return err
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Language", v.lang)
	w.WriteHeader(status)
	_, err = b.WriteTo(w)
	return err
}

// here gives the address to which a page's reader comes back: its own, or that
// of the page whose form it answers.
func here(r *http.Request) string {
	if r.Method == http.MethodGet {
		return r.URL.RequestURI()
	}
	if from, err := url.Parse(r.Referer()); err == nil && from.Host == r.Host && from.Path != "" {
		return from.RequestURI()
	}
	return r.URL.Path
}

// failure shows a page that says what went wrong.
func (s *Site) failure(w http.ResponseWriter, r *http.Request, status int, key string, args ...any) {
	v := &visit{r: r, lang: langOf(r)}
	if err := s.show(w, v, status, "failure", page{Title: "error.title", Narrow: true, Data: s.texts.get(v.lang, key, args...)}); err != nil {
		s.log.Error("web: no page for an error", "error", err)
	}
}
