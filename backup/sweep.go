package backup

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"heimpost/store"
)

// Swept is what Sweep has removed.
type Swept struct {
	Snapshots []string
	Mails     int
	Bytes     int64
}

// Sweep removes the oldest snapshots so that keep are left, never the one
// named latest, then the mails that no snapshot names. It removes nothing
// where a snapshot that stays cannot be read.
func (t *Target) Sweep(ctx context.Context, keep int, latest string) (out Swept, err error) {
	all, err := t.Snapshots()
	if err != nil {
		return out, err
	}
	var ours, stay []*Snapshot
	for _, s := range all {
		// What bears another name was named by somebody who wants to keep it.
		if at, err := time.Parse(timeFormat, s.Name); err == nil && at.Format(timeFormat) == s.Name {
			ours = append(ours, s)
		}
	}
	drop := map[string]bool{}
	for _, s := range ours {
		if len(ours)-len(drop) > keep && s.Name != latest {
			drop[s.Name] = true
		}
	}
	if len(drop) == 0 {
		return out, nil
	}
	if t.lock == nil {
		return out, errUnlocked
	}
	for _, s := range all {
		if !drop[s.Name] {
			stay = append(stay, s)
		}
	}
	if err := t.markNamed(ctx, stay); err != nil {
		return out, err
	}
	for _, s := range ours {
		if !drop[s.Name] {
			continue
		}
		if err := t.fs.Rename(t.path(snapshotsName, s.Name), t.path(tmpName, s.Name)); err != nil {
			return out, err
		}
		out.Snapshots = append(out.Snapshots, s.Name)
	}
	// They must be gone for good before the first of their mails is.
	if err := t.syncDir(t.path(snapshotsName)); err != nil {
		return out, err
	}
	for _, name := range out.Snapshots {
		if err := t.removeAll(tmpName, name); err != nil {
			return out, err
		}
	}
	for c, named := range t.mails {
		if named {
			continue
		}
		if err := ctx.Err(); err != nil {
			return out, err
		}
		if err := t.fs.Remove(t.mailPath(c)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return out, err
		}
		delete(t.mails, c)
		out.Mails++
		out.Bytes += c.Size
	}
	return out, nil
}

// markNamed marks the mails that snapshots name.
func (t *Target) markNamed(ctx context.Context, snapshots []*Snapshot) error {
	for c := range t.mails {
		t.mails[c] = false
	}
	for _, s := range snapshots {
		if err := s.eachMail(func(_, _ string, c store.Content) error {
			if t.Has(c) {
				t.mails[c] = true
			}
			return ctx.Err()
		}); err != nil {
			return fmt.Errorf("the snapshot %s cannot be read: %w", s.Name, err)
		}
	}
	return nil
}
