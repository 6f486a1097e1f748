package store

// schemaRetention: what was expunged stays restorable for a time. The files
// lie in deleted/DAY/, or still in mail/ until they have been moved there; the
// mails' rows stay as long as a message or a deleted one names them.
const schemaRetention = `
-- One row for each command that deleted messages of a mailbox.
CREATE TABLE deletion(
	id         INTEGER PRIMARY KEY AUTOINCREMENT,
	at         INTEGER NOT NULL, -- unix seconds; its day (UTC) is the files' folder
	person     INTEGER NOT NULL,
	device     INTEGER NOT NULL,
	mailbox    TEXT NOT NULL,    -- ID
	place      INTEGER NOT NULL, -- its row
	name       TEXT NOT NULL,    -- its name then
	specialuse TEXT NOT NULL,
	keywords   TEXT NOT NULL     -- JSON: names by place, '' is a free one
);

CREATE TABLE deleted(
	id       INTEGER PRIMARY KEY AUTOINCREMENT, -- never used again
	deletion INTEGER NOT NULL,
	uid      INTEGER NOT NULL, -- that it had
	mail     INTEGER NOT NULL,
	flags    INTEGER NOT NULL
);
CREATE INDEX deleted_deletion ON deleted(deletion, uid);
CREATE INDEX deleted_mail ON deleted(mail);

-- Where the files of a row are: '' is mail/, else deleted/DAY/.
ALTER TABLE gc ADD COLUMN day TEXT NOT NULL DEFAULT '';

-- A protected mailbox keeps its mails.
ALTER TABLE mailbox ADD COLUMN protected INTEGER NOT NULL DEFAULT 0;

INSERT INTO meta VALUES('retain', 365 * 86400); -- seconds
`
