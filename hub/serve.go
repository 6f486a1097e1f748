package hub

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"heimpost/certs"
	"heimpost/imapd"
	"heimpost/store"
)

// ServeOptions say how the hub runs beside its configuration.
type ServeOptions struct {
	Version string
	Log     *slog.Logger
	// Web makes the pages; nil: only /healthz is answered. A handler with a
	// Close method is closed before the hub is.
	Web func(r *Running) (http.Handler, error)
	// Ready is called when all listeners are open.
	Ready func(r *Running)
	// HomeAddrs lists this computer's addresses in the home network; nil: those
	// of private networks.
	HomeAddrs func() ([]netip.Addr, error)
	// LookupMX names the servers that take a domain's mail; nil: the DNS.
	LookupMX func(ctx context.Context, domain string) ([]string, error)
	// Wait is how long to wait for commands that are at work on the data
	// folder; OnWait is called when waiting begins.
	Wait   time.Duration
	OnWait func(what string)
}

// Running is a hub that serves.
type Running struct {
	Hub    *Hub
	Config Config
	Certs  *certs.Manager
	// IMAP, IMAPS and Web are the addresses that listen.
	IMAP, IMAPS []string
	Web         string // without encryption
	WebTLS      string
}

// Mail lists the addresses that take IMAP with TLS now, with those that are
// open in the home network.
func (r *Running) Mail() []string {
	return append(slices.Clone(r.IMAPS), r.home("imaps")...)
}

// Pages lists the addresses that serve pages with TLS now.
func (r *Running) Pages() []string {
	out := r.home("webs")
	if r.WebTLS != "" {
		out = append(out, r.WebTLS)
	}
	return out
}

// home lists the addresses of a service that are open in the home network.
func (r *Running) home(service string) []string {
	if r.Hub == nil || r.Hub.network == nil {
		return nil
	}
	return r.Hub.network.listening(service)
}

// ReadyLine is the line that says so.
func (r *Running) ReadyLine() string {
	line := "heimpost: ready"
	for _, l := range []struct {
		name  string
		addrs []string
	}{{"imap", r.IMAP}, {"imaps", r.IMAPS}, {"web", []string{r.Web}}, {"webs", []string{r.WebTLS}}} {
		if addrs := strings.Join(l.addrs, ","); addrs != "" {
			line += " " + l.name + "=" + addrs
		}
	}
	return line
}

const (
	// goodbye is how long running transactions and clients have at the end.
	goodbye = 10 * time.Second
	// seenEvery is how often it is written down which devices were here.
	seenEvery = 30 * time.Second
)

// Serve runs the hub on a data folder until ctx ends, then ends cleanly.
func Serve(ctx context.Context, dir string, c Config, o ServeOptions) (err error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	h, err := Open(ctx, dir, Options{Serve: true, Version: o.Version, Log: o.Log, MaxMessage: int64(c.Limits.Message), Wait: o.Wait, OnWait: o.OnWait, LookupMX: o.LookupMX})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, h.Close()) }()
	r := &Running{Hub: h, Config: c}
	if r.Certs, err = certs.Open(filepath.Join(h.dir, "tls"), certs.Options{CertFile: c.TLS.Cert, KeyFile: c.TLS.Key, Names: certNames(c), Now: h.now}); err != nil {
		return err
	}

	var open listeners
	defer open.closeAll()
	for _, a := range c.IMAP.Listen {
		r.IMAP = append(r.IMAP, open.listen("imap.listen", a))
	}
	for _, a := range c.IMAP.ListenTLS {
		r.IMAPS = append(r.IMAPS, open.listen("imap.listen_tls", a))
	}
	if c.Web.Listen != "" {
		r.Web = open.listen("web.listen", c.Web.Listen)
	}
	if c.Web.ListenTLS != "" {
		r.WebTLS = open.listen("web.listen_tls", c.Web.ListenTLS)
	}
	if open.err != nil {
		return fmt.Errorf("%w in %s", open.err, filepath.Join(h.dir, ConfigFile))
	}
	control, err := listenControl(h.dir)
	if err != nil {
		return err
	}

	// work ends with ctx, or when a part of the hub fails.
	work, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	var parts sync.WaitGroup
	part := func(name string, run func() error) {
		parts.Go(func() {
			if err := run(); err != nil && !errors.Is(err, http.ErrServerClosed) {
				stop(fmt.Errorf("%s: %w", name, err))
			}
		})
	}
	h.demand.start(work)
	imap := imapd.NewServer(imapd.Config{
		Login: h.Login, TLS: r.Certs.TLSConfig(), Capabilities: c.IMAP.Capabilities, MaxMessage: int64(c.Limits.Message),
		Connections: c.Limits.Connections, ConnectionsPerIP: c.Limits.ConnectionsPerIP, Log: o.Log, Version: o.Version,
		NewMailNeeded: h.newMailNeeded, DiskFree: func() (int64, error) { return diskFree(h.dir) },
	})
	h.connections = imap.Connections
	web := &http.Server{Handler: healthz(), ReadHeaderTimeout: 20 * time.Second, ReadTimeout: time.Minute, IdleTimeout: 2 * time.Minute,
		MaxHeaderBytes: 64 << 10, ErrorLog: slog.NewLogLogger(o.Log.Handler(), slog.LevelDebug)}
	h.network = newHomeNetwork(r, o, func(l net.Listener) error { return imap.Serve(l, true) }, func(l net.Listener) error { return web.Serve(l) })
	on, err := h.networkOpen(ctx)
	if err != nil {
		return errors.Join(err, control.Close())
	}
	if o.Web != nil {
		if web.Handler, err = o.Web(r); err != nil {
			return errors.Join(err, control.Close())
		}
	}
	channel := &http.Server{Handler: h.controlHandler(), ReadHeaderTimeout: 20 * time.Second,
		BaseContext: func(net.Listener) context.Context { return work }, ErrorLog: web.ErrorLog}

	for i, l := range open.all {
		switch {
		case i < len(r.IMAP):
			part("IMAP", func() error { return imap.Serve(l, false) })
		case i < len(r.IMAP)+len(r.IMAPS):
			part("IMAP", func() error { return imap.Serve(l, true) })
		case c.Web.Listen != "" && i == len(r.IMAP)+len(r.IMAPS):
			part("web", func() error { return web.Serve(l) })
		default:
			part("web", func() error { return web.Serve(tls.NewListener(l, r.Certs.TLSConfig())) })
		}
	}
	part("control channel", func() error { return channel.Serve(control) })
	part("mDNS", func() error { return r.announce(work, o.Log) })
	part("boxes", func() error { return h.openBoxes(work) })
	part("fetching", func() error { return h.fetcher.Run(work) })
	part("devices", func() error { return h.keepSeen(work) })
	part("answers", func() error { return h.markAnswered(work) })
	part("windows", func() error { return h.slideWindows(work) })
	part("memory", func() error { return giveMemoryBack(work) })
	h.network.set(on)
	part("home network", func() error { return h.network.run(work) })
	if o.Ready != nil {
		o.Ready(r)
	}

	<-work.Done()
	o.Log.Info("ending", "reason", context.Cause(work))
	h.network.close()
	last, cancel := context.WithTimeout(context.Background(), goodbye)
	defer cancel()
	var ending sync.WaitGroup
	for _, shutdown := range []func(context.Context) error{imap.Shutdown, web.Shutdown, channel.Shutdown} {
		ending.Go(func() {
			if err := shutdown(last); err != nil {
				o.Log.Warn("ending took too long", "error", err)
			}
		})
	}
	ending.Wait()
	web.Close()
	channel.Close()
	if pages, ok := web.Handler.(interface{ Close() }); ok {
		pages.Close()
	}
	parts.Wait()
	h.network.wait()
	h.demand.wg.Wait()
	if ctx.Err() != nil {
		return nil
	}
	return context.Cause(work)
}

// openBoxes opens all boxes, so that trouble with one is told now, and not when
// somebody wants to read.
func (h *Hub) openBoxes(ctx context.Context) error {
	list, err := h.boxList(ctx, None{})
	if err != nil && ctx.Err() == nil {
		h.log.Error("boxes cannot be opened", "error", err)
	}
	for _, b := range list {
		if err := h.withBox(ctx, b.ID, func(*store.Box) error { return nil }); err != nil && ctx.Err() == nil {
			h.log.Error("a box cannot be opened", "box", b.Name, "error", err)
		}
	}
	return nil
}

// start lets clients cause rounds until ctx ends.
func (d *demand) start(ctx context.Context) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.ctx, d.asked = ctx, map[store.ID]time.Time{}
}

// keepSeen writes down now and then which devices were here.
func (h *Hub) keepSeen(ctx context.Context) error {
	tick := time.NewTicker(seenEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			if err := h.flushSeen(ctx); err != nil && ctx.Err() == nil {
				h.log.Error("what devices were here cannot be written down", "error", err)
			}
		}
	}
}

// healthz answers whoever asks whether the hub is there.
func healthz() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") })
	return mux
}

// listeners are sockets that are open, or the first error.
type listeners struct {
	all []net.Listener
	err error
}

// listen opens one and gives its address, as others reach it.
func (l *listeners) listen(key, address string) string {
	if l.err != nil {
		return ""
	}
	s, err := net.Listen("tcp", address)
	if err != nil {
		l.err = fmt.Errorf("cannot listen on %s: %s (%s)", address, listenError(err), key)
		return ""
	}
	l.all = append(l.all, s)
	return s.Addr().String()
}

// listenError says in common words why nothing can listen.
func listenError(err error) string {
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return "the port is in use by another program: stop that one, or choose another port"
	case errors.Is(err, syscall.EACCES):
		return "this needs more rights (ports below 1024 often do): choose a higher port"
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return "this computer does not have that address: choose another one"
	}
	if e := (*net.OpError)(nil); errors.As(err, &e) {
		return e.Err.Error()
	}
	return err.Error()
}

func (l *listeners) closeAll() {
	for _, s := range l.all {
		s.Close()
	}
}
