package store

import (
	"path/filepath"
	"slices"
	"time"
)

// keptFrom is a day's folder as far as it holds mails of one mailbox.
type keptFrom struct {
	mailbox ID
	day     string
}

// fillDeleted lists again what lies in deleted/. What it holds of a message
// that is there, because the log that knew of its end was lost, is set aside.
func (r *rebuilder) fillDeleted() error {
	strange := func(path string) { r.setAside(path, filepath.Base(path)) }
	days, err := r.d.days(strange)
	if err != nil {
		return err
	}
	for _, day := range days {
		var files []keptFile
		if err := r.d.eachKept(day, func(k keptFile) { files = append(files, k) }, strange); err != nil {
			return err
		}
		for batch := range slices.Chunk(files, rebuildBatch) {
			if err := r.ctx.Err(); err != nil {
				return err
			}
			paths := make([]string, len(batch))
			names := make([]mailFileName, len(batch))
			for i, k := range batch {
				paths[i], names[i] = r.d.keptPath(k), k.mailFileName
			}
			for i, mail := range r.readPaths(paths, names) {
				if mail.err != nil {
					return mail.err
				}
				if mail.damaged || r.isThere(batch[i].mailFileName) {
					strange(paths[i])
					continue
				}
				if err := r.insertDeleted(batch[i], mail); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// isThere reports whether mail/ has the file of a message, too.
func (r *rebuilder) isThere(n mailFileName) bool {
	_, err := r.d.fs.Stat(r.d.path(n))
	return err == nil
}

// insertDeleted makes a deleted mail.
func (r *rebuilder) insertDeleted(k keptFile, mail readMail) error {
	from := keptFrom{k.mailbox, k.day}
	if r.deletions[from] == 0 {
		if err := r.insertDeletion(from); err != nil {
			return err
		}
	}
	id, err := r.sameMail(k.mailFileName)
	if err != nil {
		return err
	}
	if id == 0 {
		r.t.w.nextMail++
		id = r.t.w.nextMail
		if err := r.t.insertMail(id, mail.cold); err != nil {
			return err
		}
		if err := r.t.exec("UPDATE mail SET refs=0 WHERE id=?", id); err != nil {
			return err
		}
	}
	r.report.Deleted++
	return r.t.exec("INSERT INTO deleted(deletion, uid, mail, flags) VALUES(?, ?, ?, 0)", r.deletions[from], k.uid, id)
}

// insertDeletion makes what stands for all deletions of a day in a mailbox, of
// which nobody knows any more who made them.
func (r *rebuilder) insertDeletion(from keptFrom) error {
	at, err := time.Parse(time.DateOnly, from.day)
	if err != nil {
		return err
	}
	var place int64
	var j mailboxJSON
	for _, m := range r.mailboxes {
		if m.id == from.mailbox {
			j, place = m.mailboxJSON, m.row
		}
	}
	if place == 0 {
		j = r.keptMailbox(from.mailbox)
	}
	var row int64
	err = r.t.row(`INSERT INTO deletion(at, person, device, mailbox, place, name, specialuse, keywords)
		VALUES(?, 0, 0, ?, ?, ?, ?, '[]') RETURNING id`, at.Unix(), from.mailbox, place, j.Name, j.SpecialUse).Scan(&row)
	r.deletions[from] = row
	return err
}

// keptMailbox gives what is known of a mailbox that was deleted.
func (r *rebuilder) keptMailbox(id ID) (j mailboxJSON) {
	days, _ := r.d.days(nil) // without them nothing is known
	for _, day := range days {
		if r.d.readJSON(filepath.Join(r.d.dayDir(day), string(id)+keptMailbox), &j) == nil {
			break
		}
	}
	name, err := cleanName(j.Name)
	if err != nil {
		name = "Recovered " + string(id)
	}
	if j.Name = name; !uses[j.SpecialUse] {
		j.SpecialUse = ""
	}
	return j
}
