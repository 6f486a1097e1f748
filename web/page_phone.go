package web

import (
	"crypto/sha256"
	"net/http"

	"heimpost/web/clientconf"
)

// systems are those that a device may run, for who has not said which.
var systems = []string{"iphone", "android", "windows", "mac"}

// systemOf is what a kind of device runs.
var systemOf = map[string]string{"outlook": "windows", "iphone": "iphone", "mac": "mac",
	"k9": "android", "fairemail": "android", "samsung": "android", "gmail": "android"}

// trustPage hands out the authority and says how a device comes to trust it.
// It holds nothing secret: this is the one page that a device meets in clear.
func (s *Site) trustPage(w http.ResponseWriter, v *visit) error {
	der, _ := s.r.Certs.CA()
	out := deviceView{HasCA: der != nil, Fingerprint: s.r.Certs.Fingerprint(), Host: s.hostFor(v.r), Systems: systems}
	if der != nil {
		out.Words = fingerprintWords(der)
	}
	return s.show(w, v, http.StatusOK, "trust", page{Title: "trust.title", Narrow: true, Data: out})
}

// phonePage is what a new device opens by its link: in clear the authority and
// the way to the encrypted page, there everything else.
func (s *Site) phonePage(w http.ResponseWriter, v *visit) error {
	n, ok := s.links.get(v.r.PathValue("link"))
	if !ok {
		return errNotFound
	}
	if !isSecure(v.r) {
		der, _ := s.r.Certs.CA()
		out := deviceView{HasCA: der != nil, Fingerprint: s.r.Certs.Fingerprint(), Kind: n.kind, Host: s.hostFor(v.r),
			HTTPS: s.httpsURL(v.r.Host) + v.r.URL.Path, Systems: systems}
		if system := systemOf[n.kind]; system != "" {
			out.Systems = []string{system}
		}
		if der != nil {
			out.Words = fingerprintWords(der)
		}
		return s.show(w, v, http.StatusOK, "trust", page{Title: "trust.title", Narrow: true, Data: out})
	}
	return s.show(w, v, http.StatusOK, "phone", page{Title: "ready.title", Narrow: true, Data: s.deviceView(v, n)})
}

// phoneProfile is Apple's configuration profile, without the password.
func (s *Site) phoneProfile(w http.ResponseWriter, v *visit) error {
	n, ok := s.links.get(v.r.PathValue("link"))
	if !ok || !isSecure(v.r) {
		return errNotFound
	}
	address := n.address
	if address == "" {
		address = n.login + "@" + s.hostFor(v.r)
	}
	a := s.settings(v.r, address, n.login)
	a.Name, a.Person = "Heimpost: "+n.label, n.label
	der, _ := s.r.Certs.CA()
	b, err := clientconf.Profile(a, der, string(n.device.ID))
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/x-apple-aspen-config")
	w.Header().Set("Content-Disposition", `attachment; filename="heimpost.mobileconfig"`)
	_, err = w.Write(b)
	return err
}

// fingerprintWords says a certificate's fingerprint so that two people can
// compare it by eye: five words of two syllables, 60 bits of its SHA-256.
func fingerprintWords(der []byte) string {
	const consonants, vowels = "bdfghjklmnprstvz", "aeiou"
	sum := sha256.Sum256(der)
	n := 0
	bits := func(count int) (v int) {
		for range count {
			v = v<<1 | int(sum[n/8]>>(7-n%8)&1)
			n++
		}
		return v
	}
	out := make([]byte, 0, 32)
	for i := range 5 {
		if i > 0 {
			out = append(out, ' ')
		}
		for range 2 { // two syllables a word, 6 bits each: 60 bits in all
			out = append(out, consonants[bits(4)], vowels[bits(2)])
		}
	}
	return string(out)
}
