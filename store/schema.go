package store

// schema holds one step of SQL for each version of index.db; the version is
// PRAGMA user_version. A step that was released is never changed.
var schema = []string{schema1, schemaOverlay, schemaActivity, schemaRetention, schemaAnswer}

// schema1: what is read together lies together. The hot table is narrow, so
// that a mailbox of a million messages is 20 MB and loads in one scan; of a
// mail the envelope, the structure and the header lie in tables of their own,
// so that listing one of them does not drag the others' pages along.
const schema1 = `
-- Single values: 'clean' (1 after a clean stop), 'uidvalidity' (the last one given),
-- 'rebuilt' (the last mail that a rebuild found; missing where there was none),
-- 'restored' (unix seconds of the restore from a backup; likewise).
CREATE TABLE meta(
	key   TEXT PRIMARY KEY,
	value INTEGER NOT NULL
) WITHOUT ROWID;

-- Persons and devices as small integers; 0 stands for nobody or everybody.
CREATE TABLE actor(
	id    INTEGER PRIMARY KEY,
	actor TEXT NOT NULL UNIQUE
);

CREATE TABLE mailbox(
	id          INTEGER PRIMARY KEY AUTOINCREMENT,
	mailbox     TEXT NOT NULL UNIQUE,     -- ID, also the name of its folder
	name        TEXT NOT NULL UNIQUE,
	specialuse  TEXT NOT NULL DEFAULT '', -- RFC 6154
	uidvalidity INTEGER NOT NULL,
	uidnext     INTEGER NOT NULL DEFAULT 1,
	modseq      INTEGER NOT NULL DEFAULT 1, -- highest given
	recent      INTEGER NOT NULL DEFAULT 1  -- lowest UID no session was told as \Recent
);

CREATE TABLE keyword(
	mailbox INTEGER NOT NULL,
	place   INTEGER NOT NULL, -- 0-54; its bit is 8+place
	name    TEXT NOT NULL,
	PRIMARY KEY(mailbox, place)
) WITHOUT ROWID;

-- The hot table. There is no index by modseq: a scan of the loaded arrays is faster.
CREATE TABLE entry(
	mailbox INTEGER NOT NULL,
	uid     INTEGER NOT NULL,
	flags   INTEGER NOT NULL, -- bits 0-7 system flags, 8-62 keywords
	modseq  INTEGER NOT NULL,
	mail    INTEGER NOT NULL,
	saved   INTEGER NOT NULL, -- unix seconds: when it came into this mailbox (RFC 8514)
	scope   INTEGER NOT NULL DEFAULT 0, -- 0: everybody's, else only this device's
	PRIMARY KEY(mailbox, uid)
) WITHOUT ROWID;

-- Expunged UIDs lo-hi (RFC 7162 VANISHED).
CREATE TABLE vanished(
	mailbox INTEGER NOT NULL,
	modseq  INTEGER NOT NULL,
	lo      INTEGER NOT NULL,
	hi      INTEGER NOT NULL,
	PRIMARY KEY(mailbox, modseq, lo)
) WITHOUT ROWID;

-- A mail: one row for all entries that are copies of each other.
CREATE TABLE mail(
	id   INTEGER PRIMARY KEY,
	refs INTEGER NOT NULL, -- how many entries name it
	date INTEGER NOT NULL, -- INTERNALDATE, unix seconds
	zone INTEGER NOT NULL, -- its zone, minutes east of UTC
	size INTEGER NOT NULL,
	hash BLOB NOT NULL     -- SHA-256 of the stored bytes
);
-- Eight octets find a hash as well as 32 and keep the index small.
CREATE INDEX mail_hash ON mail(substr(hash, 1, 8));

CREATE TABLE mail_envelope(
	id        INTEGER PRIMARY KEY,
	envelope  BLOB NOT NULL, -- ready for the wire
	subject   TEXT NOT NULL, -- decoded, shortened: what activity shows
	messageid TEXT           -- NULL where there is none or it is absurdly long
);
CREATE INDEX mail_messageid ON mail_envelope(messageid) WHERE messageid IS NOT NULL;

CREATE TABLE mail_structure(
	id        INTEGER PRIMARY KEY,
	structure BLOB NOT NULL, -- ready for the wire
	parts     BLOB NOT NULL  -- MIME tree with offsets
);

CREATE TABLE mail_header(
	id       INTEGER PRIMARY KEY,
	complete INTEGER NOT NULL, -- 1: no field was left out
	header   BLOB NOT NULL
);

-- person 0 is everybody: a person's own row for a name goes before it.
CREATE TABLE subscription(
	person     INTEGER NOT NULL,
	name       TEXT NOT NULL,
	subscribed INTEGER NOT NULL,
	PRIMARY KEY(person, name)
) WITHOUT ROWID;

-- RFC 5464: /shared with person 0, /private with the person; mailbox 0 is the server.
CREATE TABLE metadata(
	mailbox INTEGER NOT NULL,
	person  INTEGER NOT NULL,
	entry   TEXT NOT NULL,
	value   BLOB NOT NULL,
	PRIMARY KEY(mailbox, person, entry)
) WITHOUT ROWID;

-- What is remembered of providers' messages, for ever. uid is a BLOB: octet for octet.
CREATE TABLE uidl(
	address TEXT NOT NULL,
	uid     BLOB NOT NULL,
	ordinal INTEGER NOT NULL,
	size    INTEGER NOT NULL, -- as listed
	hash    BLOB NOT NULL,
	state   INTEGER NOT NULL,
	firstat INTEGER NOT NULL, -- unix seconds
	seenat  INTEGER NOT NULL,
	absent  INTEGER NOT NULL,
	PRIMARY KEY(address, uid, ordinal)
) WITHOUT ROWID;
CREATE INDEX uidl_hash ON uidl(substr(hash, 1, 8));

-- Who did what: one row a command. Subject and Message-ID are of its first mail.
CREATE TABLE activity(
	id        INTEGER PRIMARY KEY,
	at        INTEGER NOT NULL, -- unix milliseconds
	person    INTEGER NOT NULL,
	device    INTEGER NOT NULL,
	action    TEXT NOT NULL,
	mailbox   TEXT NOT NULL, -- its name then
	uids      TEXT NOT NULL, -- as a sequence-set
	count     INTEGER NOT NULL,
	hash      BLOB,
	subject   TEXT NOT NULL DEFAULT '',
	messageid TEXT
);

-- Files whose entries are gone and which are still to be removed.
CREATE TABLE gc(
	id      INTEGER PRIMARY KEY,
	mailbox TEXT NOT NULL, -- ID
	uids    TEXT NOT NULL  -- as a sequence-set; '*' is the whole mailbox
);

INSERT INTO meta VALUES('clean', 1), ('uidvalidity', 0);
`
