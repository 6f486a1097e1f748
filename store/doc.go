// Package store keeps boxes: trees of mailboxes, each box in a folder of its
// own that holds a maildir of immutable mail files and an SQLite index.
//
// # Layout
//
//	BOX/box.json                 id, format version, id → name of persons and devices
//	BOX/lock                     held by the one process that writes the box
//	BOX/index.db                 authoritative index
//	BOX/search.db                full text, can be rebuilt
//	BOX/mail/MAILBOXID/SHARD/UID-DATE-SIZE-HASH.eml
//	BOX/mail/MAILBOXID/mailbox.json   name, special use, UIDVALIDITY, marks
//	BOX/mail/MAILBOXID/state.log      flags, expunges, moves, UIDL rows
//	BOX/mail/tmp/                what is not yet visible
//	BOX/deleted/DAY/             what was expunged and can be restored
//	BOX/orphans/                 files the index never named
//
// # What always holds
//
//   - A mail is durable before anybody hears of it: its file is written to
//     tmp/, synced, renamed, its directory synced; then one transaction with
//     synchronous=FULL names it; then the new snapshot is published. Files of
//     expunged mail go after the commit.
//   - What is expunged stays restorable for the box's retention time: its row
//     becomes a deleted mail's in the same transaction, its file moves later.
//     Only Expire, Purge and a retention of 0 remove bytes.
//   - What the index names is complete; a file it does not name is not served.
//   - UIDs and mod-sequences of a mailbox only grow. mailbox.json holds marks
//     above which none was ever given; after an unclean stop and after a
//     rebuild counting goes on above the marks.
//   - A mailbox entry and its UIDL row are one transaction.
//   - One process writes a box (lock), in it one goroutine (writer): what
//     arrives while a transaction runs forms the next group. It never waits
//     for company, and nothing under it waits for a network peer.
//   - What Backup gives is of one moment and complete: while the index is copied
//     and the mails that it names are given, no file goes. A restored box counts
//     on far above the backup's numbers (PrepareRestored).
//   - Readers never see a half-published change: a Snapshot is immutable.
//
// # How reading works
//
// A mailbox is loaded once and lives in memory as chunks of (uid, flags,
// modseq, mail) arrays. Every change makes a new Snapshot that shares all
// untouched chunks with the one before, so a session that keeps an old
// Snapshot pays only for what differs, and Diff between two of them is what
// the session has to tell its client. Dates, sizes, envelopes and structures
// are read from the index by Mailbox.Mails; bodies are files (Mailbox.OpenMail).
//
// Text is searched in search.db, which a goroutine of the box keeps. The files
// of mails that are not in it yet are read, so that an answer is always
// complete (Mailbox.SearchText).
//
// A View is what one login sees of a box. All reading and writing by people
// goes through a View; the fetcher delivers through the Box itself.
package store
