package pop3fetch

import (
	"strings"
	"time"
)

// Gmail lists a message until a session that retrieved it has ended with QUIT,
// and then never again; of many messages it lists some 250 at a time. So an
// account there is drained in as many sessions as it takes until one brings
// nothing new. Where mail is to stay at the provider (keep 14d, always), and
// so must be seen again to be deleted in time, the account is from then on
// read through "recent:", which lists the last 30 days whatever was retrieved,
// and brings back what was missed.
const (
	recentPrefix = "recent:"
	// recentCovers is less than what "recent:" shows: an account that was not
	// read for so long is first drained as at the beginning.
	recentCovers = 20 * 24 * time.Hour
)

// visibility says which messages a provider lists.
type visibility int

const (
	always   visibility = iota // all that are there
	onceOnly                   // those that were not yet retrieved
)

func lists(a Account) visibility {
	if host := strings.ToLower(strings.TrimSuffix(a.Host, ".")); host == "pop.gmail.com" || host == "pop.googlemail.com" {
		return onceOnly
	}
	return always
}

// limit sets how a session is to read and how much.
func (s *session) limit() {
	now, st := s.now(), s.state
	if lists(s.a) == onceOnly && s.a.Keep != KeepNever {
		if st.Drained && now.Sub(st.LastSuccess) > recentCovers {
			st.Drained = false
		}
		s.recent = st.Drained
	}
	s.maxMessages, s.maxBytes = s.a.SessionMessages, s.a.SessionBytes
	if now.Sub(st.Day) >= 24*time.Hour || now.Before(st.Day) {
		st.Day, st.DayBytes = now, 0
	}
	day := s.a.DayBytes
	if p, known := PresetForHost(s.a.Host); known && day == 0 {
		day = p.DayBytes
	}
	if day == 0 {
		return
	}
	left := day - st.DayBytes
	s.full, s.begun = left <= 0, st.DayBytes > 0
	if s.maxBytes == 0 || left < s.maxBytes {
		s.maxBytes = max(left, 1)
	}
}
