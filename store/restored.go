package store

import (
	"context"
	"database/sql"
	"errors"
	"path/filepath"
	"time"

	"github.com/emersion/go-imap/v2"
)

// How far counting skips ahead in a restored box: by a fixed step, and by so
// many for each second since an earlier moment. So the later of two restores
// is ahead of the earlier one, whichever snapshots they are of.
const (
	restoredUIDs       = lostMarks
	restoredUIDRate    = 1
	restoredModSeqs    = 1 << 32
	restoredModSeqRate = 1 << 20
)

// restoredSince is where these seconds begin, 2026-01-01. In a box that was
// restored before, they begin at that restore, whose jump the numbers have in
// them: all jumps together take the seconds once, and the UIDs last.
const restoredSince = 1767225600

// PrepareRestored makes a box's folder into which the files of a backup have
// been put one that can be opened.
//
// Clients may have seen what came after the backup. So counting goes on far
// above the backup's numbers, and above those that an earlier restore of this or
// another snapshot has given since; no UID means another mail than before.
// taken is the snapshot's time: a clock that is behind it is not believed.
// UIDVALIDITY stays, so that nobody fetches 20 years of mail again. Every
// message gets the mailbox's new mod-sequence and every UID that has none
// becomes one that vanished at it, as after a rebuild: a client that comes with
// a mod-sequence from before or after the backup is told all flags and all
// UIDs that are gone.
//
// lost are mails that the backup lacks. The box is without them, and forgets that
// it ever fetched them: what a provider still has comes again, and is not
// deleted there as if it were safe here.
func PrepareRestored(ctx context.Context, dir string, taken time.Time, lost []Content, o Options) (err error) {
	o = o.withDefaults()
	d := &disk{fs: o.FS, dir: dir}
	if err := d.readJSON(filepath.Join(dir, boxFileName), &d.box); err != nil {
		return err
	}
	if err := d.fs.MkdirAll(d.tmpDir()); err != nil {
		return diskError(err)
	}
	x, err := openIndex(filepath.Join(dir, indexFile))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, x.close()) }()
	tx, err := x.write.BeginTx(ctx, nil)
	if err != nil {
		return indexError(err)
	}
	defer tx.Rollback() // nothing after Commit
	for _, c := range lost {
		for _, s := range lostSteps {
			if _, err := tx.ExecContext(ctx, s, sql.Named("begin", c.Hash[:8]), sql.Named("hash", c.Hash[:])); err != nil {
				return indexError(err)
			}
		}
	}
	var since int64
	if err := tx.QueryRowContext(ctx, "SELECT coalesce(max(value), 0) FROM meta WHERE key='restored'").Scan(&since); err != nil {
		return indexError(err)
	}
	since = max(since, restoredSince)
	until := max(o.Now().Unix(), taken.Unix(), since)
	for _, s := range restoredSteps {
		if _, err := tx.ExecContext(ctx, s,
			sql.Named("uids", restoredUIDs+restoredUIDRate*(until-since)), sql.Named("max", maxUID+1),
			sql.Named("modseqs", restoredModSeqs+restoredModSeqRate*min(until-since, 1<<32)), sql.Named("until", until)); err != nil {
			return indexError(err)
		}
	}
	if err := d.restoreMailboxes(ctx, tx); err != nil {
		return err
	}
	return indexError(tx.Commit())
}

const lostMail = "(SELECT id FROM mail WHERE substr(hash, 1, 8)=:begin AND hash=:hash)"

// lostSteps take a mail out with all that names it.
var lostSteps = []string{
	"DELETE FROM uidl WHERE substr(hash, 1, 8)=:begin AND hash=:hash",
	"DELETE FROM private WHERE (mailbox, uid) IN (SELECT mailbox, uid FROM entry WHERE mail IN " + lostMail + ")",
	"DELETE FROM answering WHERE (mailbox, uid) IN (SELECT mailbox, uid FROM entry WHERE mail IN " + lostMail + ")",
	"DELETE FROM entry WHERE mail IN " + lostMail,
	"DELETE FROM deleted WHERE mail IN " + lostMail,
	"DELETE FROM deletion WHERE NOT EXISTS (SELECT 1 FROM deleted WHERE deletion=deletion.id)",
	"DELETE FROM mail_envelope WHERE id IN " + lostMail,
	"DELETE FROM mail_structure WHERE id IN " + lostMail,
	"DELETE FROM mail_header WHERE id IN " + lostMail,
	"DELETE FROM mail WHERE substr(hash, 1, 8)=:begin AND hash=:hash",
}

var restoredSteps = []string{
	// As after an unclean stop the state logs are written anew.
	"UPDATE meta SET value=0 WHERE key='clean'",
	"DELETE FROM gc",
	"INSERT OR REPLACE INTO meta(key, value) VALUES('restored', :until)",
	// At most half of the UIDs that are left: a wrong clock does not use them up.
	"UPDATE mailbox SET uidnext=uidnext+min(:uids, (:max-uidnext)/2), modseq=modseq+:modseqs",
	"UPDATE entry SET modseq=(SELECT modseq FROM mailbox WHERE id=entry.mailbox)",
	"UPDATE private SET modseq=(SELECT modseq FROM mailbox WHERE id=private.mailbox) WHERE mailbox IN (SELECT id FROM mailbox)",
	"UPDATE hidden SET modseq=(SELECT modseq FROM mailbox WHERE id=hidden.mailbox) WHERE mailbox IN (SELECT id FROM mailbox)",
	"DELETE FROM vanished",
	`INSERT INTO vanished(mailbox, modseq, lo, hi)
		SELECT m.id, m.modseq, e.before+1, e.uid-1
		FROM (SELECT mailbox, uid, lag(uid, 1, 0) OVER (PARTITION BY mailbox ORDER BY uid) AS before FROM entry) e
		JOIN mailbox m ON m.id=e.mailbox WHERE e.uid>e.before+1`,
	`INSERT INTO vanished(mailbox, modseq, lo, hi)
		SELECT id, modseq, top+1, uidnext-1
		FROM (SELECT id, modseq, uidnext, (SELECT coalesce(max(uid), 0) FROM entry WHERE mailbox=mailbox.id) AS top FROM mailbox)
		WHERE top<uidnext-1`,
}

// restoreMailboxes writes mailbox.json of each mailbox, as the index says.
func (d *disk) restoreMailboxes(ctx context.Context, tx *sql.Tx) error {
	scoped := map[int64]*imap.UIDSet{}
	err := eachRow(tx, func(rows *sql.Rows) error {
		var mailbox int64
		var uid uint32
		if err := rows.Scan(&mailbox, &uid); err != nil {
			return err
		}
		if scoped[mailbox] == nil {
			scoped[mailbox] = new(imap.UIDSet)
		}
		scoped[mailbox].AddNum(imap.UID(uid))
		return nil
	}, "SELECT mailbox, uid FROM entry WHERE scope<>0 ORDER BY mailbox, uid")
	if err != nil {
		return indexError(err)
	}
	files := map[ID]mailboxJSON{}
	err = eachRow(tx, func(rows *sql.Rows) error {
		var row int64
		var id ID
		var next uint32
		j := mailboxJSON{Version: boxVersion}
		if err := rows.Scan(&row, &id, &j.Name, &j.SpecialUse, &j.UIDValidity, &next, &j.ModSeqMark); err != nil {
			return err
		}
		j.UIDMark = next - 1
		if s := scoped[row]; s != nil {
			j.Scoped = s.String()
		}
		files[id] = j
		return nil
	}, "SELECT id, mailbox, name, specialuse, uidvalidity, uidnext, modseq FROM mailbox")
	if err != nil {
		return indexError(err)
	}
	for id, j := range files {
		if err := d.createFolder(&mailboxFile{d: d, id: id, mailboxJSON: j}); err != nil {
			return err
		}
	}
	return nil
}
