package store

// schemaAnswer is what tells who answers which mail.
const schemaAnswer = `
-- The entries of a mail.
CREATE INDEX entry_mail ON entry(mail);

-- Copies in \Sent whose mails are still to be marked as answered.
CREATE TABLE sent(
	id        INTEGER PRIMARY KEY AUTOINCREMENT,
	person    INTEGER NOT NULL,
	device    INTEGER NOT NULL,
	answers   TEXT NOT NULL, -- Message-IDs, a JSON array
	forwards  TEXT NOT NULL
);

-- Drafts and the mails of this box that they answer.
CREATE TABLE answering(
	mailbox   INTEGER NOT NULL,
	uid       INTEGER NOT NULL,
	messageid TEXT NOT NULL,
	person    INTEGER NOT NULL,
	PRIMARY KEY(mailbox, uid, messageid)
) WITHOUT ROWID;
CREATE INDEX answering_messageid ON answering(messageid);
`
