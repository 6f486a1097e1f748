package web

import (
	"fmt"
	"net"
	"net/http"
	"regexp"
	"strconv"
	"strings"

	"heimpost/pop3fetch"
)

// dnsRecord is a line for a name server's zone.
type dnsRecord struct {
	Why  string // key of its text
	Line string
}

type dnsView struct {
	Domain, Host string
	Error        string
	Records      []dnsRecord
	Names        string // the line of heimpost.toml that puts the names into the certificate
	OwnCA        bool
	Unusual      bool // programs ask at port 443, and something else listens
}

// domainName is a name as it can stand in a zone.
var domainName = regexp.MustCompile(`^([a-z0-9_]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z][a-z0-9-]{0,61}[a-z0-9]$`)

// dnsPage shows what whoever has a domain of his own can write into its zone,
// so that mail programs find the hub by the address alone.
func (s *Site) dnsPage(w http.ResponseWriter, v *visit) error {
	clean := func(name string) string {
		return strings.ToLower(strings.Trim(strings.TrimSpace(v.r.URL.Query().Get(name)), "."))
	}
	out := dnsView{Domain: clean("domain"), Host: clean("host")}
	asked := v.r.URL.Query().Has("domain")
	if !asked {
		var err error
		if out.Domain, err = s.ownDomain(v); err != nil {
			return err
		}
		out.Host = s.publicName(v.r)
	}
	if out.Host == "" && out.Domain != "" {
		out.Host = "heimpost." + out.Domain
	}
	status := http.StatusOK
	switch {
	case len(out.Domain) < 250 && domainName.MatchString(out.Domain) && len(out.Host) < 250 && domainName.MatchString(out.Host):
		out.Records = s.dnsRecords(out.Domain, out.Host)
		out.Names = fmt.Sprintf("names = [%q, %q, %q]", out.Host, "autoconfig."+out.Domain, "autodiscover."+out.Domain)
		der, _ := s.r.Certs.CA()
		out.OwnCA = der != nil
		out.Unusual = s.pagesPort() != 443
	case asked:
		out.Error, status = s.texts.get(v.lang, "dns.bad"), http.StatusUnprocessableEntity
	}
	return s.show(w, v, status, "dns", page{Title: "dns.title", Data: out})
}

// dnsRecords are the lines for a domain whose mail programs shall find a host.
func (s *Site) dnsRecords(domain, host string) []dnsRecord {
	srv := func(service string, priority, weight, port int, target string) string {
		return fmt.Sprintf("%s.%s. IN SRV %d %d %d %s", service, domain, priority, weight, port, target)
	}
	out := []dnsRecord{
		// RFC 6186: the service, and that there is none without encryption.
		{"dns.imaps", srv("_imaps._tcp", 0, 1, s.imapPort(), host+".")},
		{"dns.noimap", srv("_imap._tcp", 0, 0, 0, ".")},
		{"dns.autoconfig", fmt.Sprintf("autoconfig.%s. IN CNAME %s.", domain, host)},
		{"dns.autodiscover", fmt.Sprintf("autodiscover.%s. IN CNAME %s.", domain, host)},
	}
	if port := s.pagesPort(); port != 0 {
		out = append(out, dnsRecord{"dns.autodiscoversrv", srv("_autodiscover._tcp", 0, 0, port, host+".")})
	}
	return out
}

// ownDomain guesses which domain is the visitor's: one of an account whose
// provider is none that many people share.
func (s *Site) ownDomain(v *visit) (string, error) {
	accounts, err := s.accountsOf(v)
	if err != nil {
		return "", err
	}
	for _, a := range accounts {
		if _, shared := pop3fetch.PresetFor(a.Address); !shared {
			_, domain, _ := strings.Cut(a.Address, "@")
			return domain, nil
		}
	}
	return "", nil
}

// publicName gives a name of the certificate that a name server may hold.
func (s *Site) publicName(r *http.Request) string {
	for _, n := range append([]string{s.hostFor(r)}, s.r.Config.TLS.Names...) {
		if domainName.MatchString(n) && !strings.HasSuffix(n, ".local") {
			return n
		}
	}
	return ""
}

// pagesPort gives the port of the pages with TLS, 0 for none.
func (s *Site) pagesPort() int {
	for _, a := range s.r.Pages() {
		if _, port, err := net.SplitHostPort(a); err == nil {
			if n, err := strconv.Atoi(port); err == nil {
				return n
			}
		}
	}
	return 0
}
