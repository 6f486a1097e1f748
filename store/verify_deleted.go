package store

import (
	"errors"
	"io/fs"
	"slices"
)

// checkDeleted compares the deleted mails with the files in deleted/, day by
// day.
func (v *verifier) checkDeleted() error {
	days, err := v.b.disk.days(func(path string) { v.found("", path, "this is no day's folder") })
	if err != nil {
		return diskError(err)
	}
	rows, err := v.b.index.read.QueryContext(v.ctx, "SELECT DISTINCT date(at, 'unixepoch') FROM deletion")
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var day string
		if err := rows.Scan(&day); err != nil {
			return err
		}
		days = append(days, day)
	}
	if err := rows.Err(); err != nil {
		return err
	}
	slices.Sort(days)
	var doubts []keptFile
	for _, day := range slices.Compact(days) {
		more, err := v.checkDay(day)
		if err != nil {
			return err
		}
		if doubts = append(doubts, more...); len(doubts) > maxProblems {
			break
		}
	}
	if len(doubts) == 0 {
		return nil
	}
	if err := v.settle(); err != nil {
		return err
	}
	for _, k := range doubts {
		if err := v.judgeKept(k); err != nil {
			return err
		}
	}
	return nil
}

// checkDay compares what was deleted on a day with its folder.
func (v *verifier) checkDay(day string) (doubts []keptFile, err error) {
	d := v.b.disk
	files := map[string]keptFile{}
	err = d.eachKept(day, func(k keptFile) { files[d.keptPath(k)] = k }, func(path string) {
		v.found("", path, "this is no mail of this box")
	})
	if err != nil {
		return nil, diskError(err)
	}
	kept, err := keptFiles(v.b.index.read, "date(x.at, 'unixepoch')=?", day)
	if err != nil {
		return nil, err
	}
	for _, k := range kept {
		delete(files, d.keptPath(k))
		text, err := v.checkKept(k)
		if err != nil {
			return nil, err
		}
		if text != "" {
			doubts = append(doubts, k)
		}
		if err := v.step(); err != nil {
			return nil, err
		}
	}
	for _, k := range files {
		doubts = append(doubts, k)
	}
	return doubts, nil
}

// checkKept tells what is wrong with a deleted mail's file, wherever it is.
func (v *verifier) checkKept(k keptFile) (text string, err error) {
	v.b.disk.keptAt(k, func(path string) error {
		if _, err := v.b.disk.fs.Stat(path); err != nil {
			text = "the file of a deleted message is missing"
			return err
		}
		text, err = v.checkPath(path, k.mailFileName)
		return nil
	})
	return text, err
}

// judgeKept looks at a doubt again, now that nothing that began before it is
// under way.
func (v *verifier) judgeKept(k keptFile) error {
	path := v.b.disk.keptPath(k)
	kept, err := keptFiles(v.b.index.read, "x.mailbox=? AND d.uid=? AND date(x.at, 'unixepoch')=?", k.mailbox, k.uid, k.day)
	if err != nil {
		return err
	}
	if slices.ContainsFunc(kept, func(other keptFile) bool { return v.b.disk.keptPath(other) == path }) {
		text, err := v.checkKept(k)
		if text != "" {
			v.found("", path, "%s", text)
		}
		return err
	}
	left, err := v.b.left(v.ctx, v.b.index.read)
	if err != nil {
		return err
	}
	for _, l := range left {
		if l.mailbox == k.mailbox && l.day == k.day && inSpans(parseSpans(l.uids), k.uid) {
			return nil // on its way out
		}
	}
	if _, err := v.b.disk.fs.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		v.found("", path, "no deleted message has this file")
	}
	return nil
}
