package store

// schemaOverlay is what views have of their own beside the common mailbox.
// The rows of a mailbox load with it (overlay_load.go).
const schemaOverlay = `
-- What one person (unread) or one device (deleted) has of its own on a message.
-- A row with no bits keeps the mod-sequence of the change that took them.
CREATE TABLE private(
	mailbox INTEGER NOT NULL,
	actor   INTEGER NOT NULL,
	uid     INTEGER NOT NULL,
	bits    INTEGER NOT NULL, -- 1: unread though somebody has read it, 2: \Deleted on this device
	modseq  INTEGER NOT NULL,
	PRIMARY KEY(mailbox, actor, uid)
) WITHOUT ROWID;

-- UIDs lo-hi that a device does not see, or sees again.
CREATE TABLE hidden(
	mailbox INTEGER NOT NULL,
	device  INTEGER NOT NULL,
	lo      INTEGER NOT NULL,
	hi      INTEGER NOT NULL,
	why     INTEGER NOT NULL, -- 0: seen again, 1: expunged on it, 2: older than its window
	modseq  INTEGER NOT NULL,
	PRIMARY KEY(mailbox, device, lo)
) WITHOUT ROWID;

-- Entries of one device only are few: they are found without a scan.
CREATE INDEX entry_scope ON entry(mailbox, uid, scope) WHERE scope<>0;

-- Whose \Seen is private ('privateseen' in meta says whether any is).
CREATE TABLE reader(
	person INTEGER PRIMARY KEY
);

-- Devices that see the box in a way of their own.
CREATE TABLE device(
	device INTEGER PRIMARY KEY,
	here   INTEGER NOT NULL, -- 1: what it deletes is hidden on it alone
	days   INTEGER NOT NULL, -- its window; 0: all
	cutoff INTEGER NOT NULL  -- unix seconds: what is older was hidden; 0: nothing
);

INSERT INTO meta VALUES('privateseen', 0);
`
