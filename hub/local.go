package hub

import (
	"context"
	"log/slog"
	"net"
	"slices"
	"strconv"

	"heimpost/announce"
)

// certNames are the names that the own certificate holds beside the
// computer's.
func certNames(c Config) []string {
	if c.MDNS.Announce && c.MDNS.Name != "" {
		return append(slices.Clone(c.TLS.Names), c.MDNS.Name+".local")
	}
	return c.TLS.Names
}

// announcement says what the home network is told: what listens beyond this
// computer, under a name that the certificate holds. Its Name is empty where
// there is nothing to tell.
func (r *Running) announcement(log *slog.Logger) announce.Options {
	var services []announce.Service
	add := func(kind string, addresses ...string) {
		for _, a := range addresses {
			if port := portBeyond(a); port != 0 {
				services = append(services, announce.Service{Type: kind, Port: port})
				return
			}
		}
	}
	add("_imaps._tcp", r.Mail()...)
	add("_https._tcp", r.Pages()...)
	name := r.Config.MDNS.Name
	if !r.Config.MDNS.Announce || len(services) == 0 || name == "" {
		return announce.Options{}
	}
	if !slices.Contains(r.Certs.Names(), name+".local") {
		log.Info("not announced in the home network: the certificate does not hold the name", "name", name+".local")
		return announce.Options{}
	}
	return announce.Options{Name: name, Title: "Heimpost (" + name + ")", Services: services, Log: log}
}

// Local gives the name under which the home network finds the hub
// ("stube.local"); "" while it is not announced.
func (r *Running) Local() string {
	if a := r.announcement(slog.New(slog.DiscardHandler)); a.Name != "" {
		return a.Name + ".local"
	}
	return ""
}

// announce tells the home network where the hub is until ctx ends, anew when
// what listens there has changed.
func (r *Running) announce(ctx context.Context, log *slog.Logger) error {
	for ctx.Err() == nil {
		run, cancel := context.WithCancel(ctx)
		ended := make(chan error, 1)
		changed := r.Hub.network.changes()
		if what := r.announcement(log); what.Name != "" {
			go func() { ended <- announce.Run(run, what) }()
		} else {
			context.AfterFunc(run, func() { ended <- nil })
		}
		select {
		case <-changed:
			cancel()
			if err := <-ended; err != nil {
				return err
			}
		case err := <-ended:
			cancel()
			return err
		}
	}
	return nil
}

// portBeyond gives the port of an address that other computers reach, else 0.
func portBeyond(address string) int {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return 0
	}
	if ip := net.ParseIP(host); ip != nil && ip.IsLoopback() || host == "localhost" {
		return 0
	}
	n, err := strconv.Atoi(port)
	if err != nil {
		return 0
	}
	return n
}
