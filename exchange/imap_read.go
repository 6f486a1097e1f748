package exchange

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"
)

// Read reads a mailbox. A server that refuses one mailbox is told of; a broken
// connection ends the import.
func (s *imapSource) Read(ctx context.Context, f Folder, want func(*Mail) bool, fn func(*Mail) error) error {
	s.meter.allow(maxAnswer)
	sel, err := s.c.Select(f.name, &imap.SelectOptions{ReadOnly: true}).Wait()
	if refused := (*imap.Error)(nil); errors.As(err, &refused) {
		return readError{fmt.Errorf("the server does not open it: %s", refused.Text)}
	}
	if err != nil {
		return s.broken(ctx, err)
	}
	if sel.NumMessages == 0 {
		return nil
	}
	s.meter.allow(maxAnswer + maxUID*min(int64(sel.NumMessages), maxMails))
	found, err := s.c.UIDSearch(&imap.SearchCriteria{}, nil).Wait()
	if err != nil {
		return s.broken(ctx, err)
	}
	most := int64(sel.NumMessages)
	if now := s.c.Mailbox(); now != nil {
		most = max(most, int64(now.NumMessages))
	}
	most = min(most+imapBlock, maxMails) // mails come and go meanwhile
	uids, ok := listed(found.All, most)
	if !ok {
		return readError{fmt.Errorf("the server finds more mails in it than it can have: %d at most", most)}
	}
	for block := range slices.Chunk(uids, imapBlock) {
		if err := s.block(ctx, f, block, want, fn); err != nil {
			return err
		}
	}
	return nil
}

// listed gives the UIDs of a set; ok is false where there are more than most.
// A set of few octets can have 2^32-1.
func listed(all imap.NumSet, most int64) (uids []imap.UID, ok bool) {
	set, _ := all.(imap.UIDSet)
	n := int64(0)
	for _, r := range set {
		if n += int64(r.Stop) - int64(r.Start) + 1; n > most || r.Start == 0 || r.Start > r.Stop {
			return nil, false
		}
	}
	uids = make([]imap.UID, 0, n)
	for _, r := range set {
		for uid := int64(r.Start); uid <= int64(r.Stop); uid++ {
			uids = append(uids, imap.UID(uid))
		}
	}
	return uids, true
}

// block reads some mails.
func (s *imapSource) block(ctx context.Context, f Folder, uids []imap.UID, want func(*Mail) bool, fn func(*Mail) error) error {
	mails, err := s.known(f, uids)
	if err != nil {
		return s.broken(ctx, err)
	}
	var wanted []imap.UID
	for _, uid := range uids {
		m := mails[uid]
		if m == nil { // deleted since the search, or kept back
			if err := fn(&Mail{Where: s.where(f, uid), Err: errNotGiven}); err != nil {
				return err
			}
		} else if want(m) {
			wanted = append(wanted, uid)
		}
	}
	if len(wanted) == 0 {
		return nil
	}
	got := map[imap.UID]bool{}
	if err := s.bodies(ctx, imap.UIDSetNum(wanted...), 0, mails, got, fn); err != nil {
		return err
	}
	for _, uid := range wanted {
		if got[uid] {
			continue
		}
		if err := s.bodies(ctx, imap.UIDSetNum(uid), uid, mails, got, fn); err != nil {
			return err
		}
		if !got[uid] {
			mails[uid].Err = errNotGiven
			if err := fn(mails[uid]); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s *imapSource) where(f Folder, uid imap.UID) string {
	return fmt.Sprintf("%s: %s, message %d", s.host, f.name, uid)
}

// known asks for all of mails but their bytes.
func (s *imapSource) known(f Folder, uids []imap.UID) (map[imap.UID]*Mail, error) {
	out := map[imap.UID]*Mail{}
	s.meter.allow(maxAnswer)
	cmd := s.c.Fetch(imap.UIDSetNum(uids...), &imap.FetchOptions{UID: true, Flags: true, InternalDate: true, RFC822Size: true,
		BodySection: []*imap.FetchItemBodySection{{Peek: true, Specifier: imap.PartSpecifierHeader, HeaderFields: []string{"Message-ID"}}}})
	for data := cmd.Next(); data != nil; data = cmd.Next() {
		m := &Mail{Once: true}
		var uid imap.UID
		for item := data.Next(); item != nil; item = data.Next() {
			switch item := item.(type) {
			case imapclient.FetchItemDataUID:
				uid = item.UID
			case imapclient.FetchItemDataFlags:
				m.Flags = item.Flags
			case imapclient.FetchItemDataInternalDate:
				m.Date = item.Time
			case imapclient.FetchItemDataRFC822Size:
				m.Size = item.Size
			case imapclient.FetchItemDataBodySection:
				if item.Literal != nil {
					body := &wholeLiteral{r: item.Literal, left: item.Literal.Size()}
					header, _ := io.ReadAll(io.LimitReader(body, maxIDHeader))
					if body.err != nil {
						return nil, body.err
					}
					m.MessageID = field(unfolded(header), "Message-ID")
				}
			}
		}
		if slices.Contains(uids, uid) {
			m.Where = s.where(f, uid)
			out[uid] = m
		}
	}
	return out, cmd.Close()
}

// bodies fetches mails' bytes and gives each mail to fn. only is the UID where
// it is one alone.
func (s *imapSource) bodies(ctx context.Context, set imap.UIDSet, only imap.UID, mails map[imap.UID]*Mail, got map[imap.UID]bool, fn func(*Mail) error) error {
	s.meter.allow(maxAnswer)
	cmd := s.c.Fetch(set, &imap.FetchOptions{UID: true, BodySection: []*imap.FetchItemBodySection{{Peek: true}}})
	var failed error
	for data := cmd.Next(); data != nil && failed == nil; data = cmd.Next() {
		uid := only
		for item := data.Next(); item != nil && failed == nil; item = data.Next() {
			switch item := item.(type) {
			case imapclient.FetchItemDataUID:
				uid = item.UID
			case imapclient.FetchItemDataBodySection:
				m := mails[uid]
				if m == nil || got[uid] || item.Literal == nil || !set.Contains(uid) {
					continue
				}
				got[uid] = true
				body := &wholeLiteral{r: item.Literal, left: item.Literal.Size(), meter: &s.meter}
				m.Open = func() (io.ReadCloser, error) { return io.NopCloser(body), nil }
				if failed = fn(m); failed == nil && body.err == nil {
					failed = s.pass(body, m)
				}
				if body.err != nil {
					// Nothing more comes, and go-imap's client must not be asked for
					// it: it is on its way to the end already.
					return cmp.Or(failed, s.broken(ctx, body.err))
				}
				if failed != nil {
					s.raw.Close() // what the server still sends would only be thrown away
				}
			}
		}
	}
	if failed != nil {
		cmd.Close()
		return failed
	}
	if err := cmd.Close(); err != nil {
		return s.broken(ctx, err)
	}
	return nil
}
