package store

import (
	"context"
	"database/sql"
)

// invariants are what must never be so in the index: each query gives a
// mailbox's name and a sentence for what is wrong.
var invariants = []string{
	`SELECT '', 'a message (UID '||uid||') is in mailbox '||mailbox||', which does not exist'
	 FROM entry WHERE mailbox NOT IN (SELECT id FROM mailbox)`,
	`SELECT b.name, 'message '||e.uid||' has no mail'
	 FROM entry e JOIN mailbox b ON b.id=e.mailbox LEFT JOIN mail m ON m.id=e.mail WHERE m.id IS NULL`,
	`SELECT b.name, 'message '||e.uid||' is above the last UID that was given ('||(b.uidnext-1)||')'
	 FROM entry e JOIN mailbox b ON b.id=e.mailbox WHERE e.uid>=b.uidnext OR e.uid<1`,
	`SELECT b.name, 'message '||e.uid||' has the mod-sequence '||e.modseq||', above the highest that was given ('||b.modseq||')'
	 FROM entry e JOIN mailbox b ON b.id=e.mailbox WHERE e.modseq>b.modseq OR e.modseq<1`,
	`SELECT b.name, 'message '||e.uid||' has flags that no keyword stands for'
	 FROM entry e JOIN mailbox b ON b.id=e.mailbox
	 LEFT JOIN (SELECT mailbox, sum(1<<(8+place)) AS bits FROM keyword GROUP BY mailbox) k ON k.mailbox=e.mailbox
	 WHERE e.flags & ~(31 | coalesce(k.bits, 0)) != 0`,
	`SELECT '', 'mail '||m.id||' counts '||m.refs||' messages, there are '||count(e.mail)
	 FROM mail m LEFT JOIN entry e ON e.mail=m.id GROUP BY m.id HAVING m.refs!=count(e.mail)`,
	`SELECT '', 'mail '||id||' is named by no message' FROM mail WHERE refs<1 AND id NOT IN (SELECT mail FROM deleted)`,
	`SELECT '', 'mail '||id||' has no sound hash or size' FROM mail WHERE typeof(hash)!='blob' OR length(hash)!=32 OR size<0`,
	`SELECT '', 'mail '||m.id||' has no envelope, structure or header'
	 FROM mail m LEFT JOIN mail_envelope e ON e.id=m.id LEFT JOIN mail_structure s ON s.id=m.id LEFT JOIN mail_header h ON h.id=m.id
	 WHERE e.id IS NULL OR s.id IS NULL OR h.id IS NULL`,
	`SELECT '', 'there is an envelope, a structure or a header of mail '||id||', which does not exist'
	 FROM (SELECT id FROM mail_envelope UNION SELECT id FROM mail_structure UNION SELECT id FROM mail_header)
	 WHERE id NOT IN (SELECT id FROM mail)`,
	`SELECT b.name, 'the vanished UIDs '||v.lo||':'||v.hi||' (mod-sequence '||v.modseq||') were never given'
	 FROM vanished v JOIN mailbox b ON b.id=v.mailbox WHERE v.lo<1 OR v.hi<v.lo OR v.hi>=b.uidnext OR v.modseq>b.modseq`,
	`SELECT b.name, 'message '||e.uid||' is there and has vanished'
	 FROM vanished v JOIN mailbox b ON b.id=v.mailbox JOIN entry e ON e.mailbox=v.mailbox AND e.uid BETWEEN v.lo AND v.hi`,
	`SELECT '', 'there are vanished UIDs or keywords of mailbox '||mailbox||', which does not exist'
	 FROM (SELECT mailbox FROM vanished UNION SELECT mailbox FROM keyword) WHERE mailbox NOT IN (SELECT id FROM mailbox)`,
	`SELECT b.name, 'the keyword '||k.name||' is at place '||k.place||' of 55'
	 FROM keyword k JOIN mailbox b ON b.id=k.mailbox WHERE k.place NOT BETWEEN 0 AND 54 OR k.name=''`,
	`SELECT b.name, 'the keyword '||k.name||' is there twice'
	 FROM keyword k JOIN mailbox b ON b.id=k.mailbox GROUP BY k.mailbox, lower(k.name) HAVING count(*)>1`,
	`SELECT b.name, 'the UIDVALIDITY '||b.uidvalidity||' was never given'
	 FROM mailbox b WHERE b.uidvalidity NOT BETWEEN 1 AND (SELECT value FROM meta WHERE key='uidvalidity')`,
	`SELECT name, 'the mailbox has no sound id' FROM mailbox WHERE length(mailbox)!=16`,
	`SELECT max(name), 'two mailboxes have the special use '||specialuse FROM mailbox WHERE specialuse!='' GROUP BY specialuse HAVING count(*)>1`,
	`SELECT '', 'there is no INBOX' WHERE NOT EXISTS (SELECT 1 FROM mailbox WHERE name='INBOX')`,
	`SELECT '', 'the row of a message at the provider of '||address||' is not sound'
	 FROM uidl WHERE typeof(uid)!='blob' OR length(hash)!=32 OR state NOT BETWEEN 1 AND 3 OR ordinal<0 OR address='' OR address!=lower(address)`,
	`SELECT '', 'a deleted message (UID '||uid||', row '||id||') has no deletion or no mail'
	 FROM deleted WHERE deletion NOT IN (SELECT id FROM deletion) OR mail NOT IN (SELECT id FROM mail)`,
	`SELECT name, 'a deletion (row '||id||') has deleted nothing' FROM deletion WHERE id NOT IN (SELECT deletion FROM deleted)`,
	`SELECT b.name, 'message '||p.uid||' is gone or has not yet come, but somebody has a mark on it'
	 FROM private p JOIN mailbox b ON b.id=p.mailbox LEFT JOIN entry e ON e.mailbox=p.mailbox AND e.uid=p.uid
	 WHERE e.uid IS NULL OR p.modseq>b.modseq OR p.bits NOT BETWEEN 0 AND 3`,
	`SELECT b.name, 'the UIDs '||h.lo||':'||h.hi||' are hidden twice, or were never given'
	 FROM hidden h JOIN mailbox b ON b.id=h.mailbox WHERE h.lo<1 OR h.hi<h.lo OR h.hi>=b.uidnext OR h.modseq>b.modseq
	 OR EXISTS (SELECT 1 FROM hidden g WHERE g.mailbox=h.mailbox AND g.device=h.device AND g.lo>h.lo AND g.lo<=h.hi)`,
	`SELECT b.name, 'the draft '||a.uid||', which answers a message, does not exist'
	 FROM answering a LEFT JOIN mailbox b ON b.id=a.mailbox LEFT JOIN entry e ON e.mailbox=a.mailbox AND e.uid=a.uid WHERE e.uid IS NULL`,
	`SELECT '', 'a row of files to be removed is not sound' FROM gc WHERE length(mailbox)!=16 OR uids=''`,
	`SELECT b.name, 'files of message '||e.uid||' are to be removed'
	 FROM gc g JOIN mailbox b ON b.mailbox=g.mailbox JOIN entry e ON e.mailbox=b.id AND g.day='' AND g.uids IN ('*', CAST(e.uid AS TEXT))`,
}

// checkIndex checks the index by itself, at one moment.
func (v *verifier) checkIndex() error {
	tx, err := v.b.index.read.BeginTx(context.WithoutCancel(v.ctx), nil)
	if err != nil {
		return err
	}
	defer tx.Rollback() // it only read
	if err := tx.QueryRowContext(v.ctx, "SELECT count(*) FROM entry").Scan(&v.total); err != nil {
		return err
	}
	v.report.Messages = v.total
	if err := tx.QueryRowContext(v.ctx, "SELECT count(*), coalesce(sum(size), 0) FROM mail WHERE refs>0").Scan(&v.report.Mails, &v.report.Bytes); err != nil {
		return err
	}
	take := func(rows *sql.Rows) error {
		var mailbox, text string
		err := rows.Scan(&mailbox, &text)
		v.found(mailbox, "", "%s", text)
		return err
	}
	for _, query := range invariants {
		if err := eachRow(tx, take, query+" LIMIT 100"); err != nil {
			return err
		}
		if err := v.ctx.Err(); err != nil {
			return err
		}
	}
	return eachRow(tx, func(rows *sql.Rows) error {
		var text string
		err := rows.Scan(&text)
		if text != "ok" {
			v.found("", "", "SQLite says of index.db: %s", text)
		}
		return err
	}, "PRAGMA quick_check(20)")
}
