package pop3fetch

import (
	"cmp"
	"fmt"
	"slices"
	"time"
)

// failures are the messages of an account that could not be retrieved. They
// hold up no other message.
type failures map[failureKey]*FailedMessage

// failureKey names a message. The size tells those without a UID apart.
type failureKey struct {
	uid  string
	size int64
}

func keyOf(m *message) failureKey { return failureKey{m.uid, m.size} }

// rememberFailed takes over what is known of earlier failures. What a complete
// listing no longer holds is forgotten.
func rememberFailed(known []FailedMessage, messages []*message, complete bool) failures {
	listed := make(map[failureKey]bool, len(messages))
	for _, m := range messages {
		listed[keyOf(m)] = true
	}
	f := failures{}
	for _, k := range known {
		if key := (failureKey{k.UID, k.Size}); listed[key] || !complete {
			f[key] = &k
		}
	}
	return f
}

const (
	firstRetry = time.Hour
	lastRetry  = 24 * time.Hour
)

// add notes a failure: the message is tried again after an hour, then two,
// four, …, at least once a day.
func (f failures) add(m *message, reason string, breaks bool, now time.Time) {
	key := keyOf(m)
	k := f[key]
	if k == nil {
		if len(f) >= maxFailed {
			return
		}
		k = &FailedMessage{UID: m.uid, Size: m.size}
		f[key] = k
	}
	k.Reason, k.Breaks = reason, breaks
	k.Next = now.Add(min(firstRetry<<min(k.Tries, 10), lastRetry))
	k.Tries++
}

// list gives them in a fixed order.
func (f failures) list() []FailedMessage {
	out := make([]FailedMessage, 0, len(f))
	for _, k := range f {
		out = append(out, *k)
	}
	slices.SortFunc(out, func(a, b FailedMessage) int {
		return cmp.Or(cmp.Compare(a.UID, b.UID), cmp.Compare(a.Size, b.Size))
	})
	return out
}

// tooBig is the reason of a mail that this hub does not accept.
func tooBig(limit int64) string {
	return fmt.Sprintf("it is larger than the %d MiB that this hub accepts for a mail ([limits] message)", limit>>20)
}
