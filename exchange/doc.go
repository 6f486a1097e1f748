// Package exchange brings mail in from elsewhere and takes it out again: it
// reads and writes the forms in which other programs keep mail.
//
// # Reading
//
// A Source is a mail file (.eml), a folder of them, an mbox file, a folder of
// such files (Thunderbird, Apple Mail), a Maildir, or an account at an IMAP
// server; Open tells files apart by what they are, not by their names. A
// Source has folders, Import puts each into a mailbox: those with a special
// use (Sent, "Gesendete Objekte", …) into the box's, others by their names.
//
//   - Bytes are taken as found; a bare LF becomes CRLF (store.Incoming). What
//     an mbox program adds to a mail, its From_ line, quoting and marks, is
//     taken off again (mbox.go, marks.go).
//   - Nothing comes twice. A mailbox ends up with as many copies of a mail as
//     the source's folder has, or as it had itself if these were more. Which
//     mail is the same is decided by the hash of its bytes. So two equal mails
//     of a folder stay two, and importing again, or going on after an
//     interruption, brings only what is missing.
//   - What one mail is wrong with keeps no other from coming: it is counted
//     and named.
//   - Links are not followed, special files not opened; folders, names, marks
//     and mails are bounded.
//
// # Writing
//
// Export writes a box as Maildir, mbox or .eml files into a folder that is new
// or its own. It notes in the folder how far it has come, so a second run goes
// on there: UIDs only grow, which makes that note one number a mailbox. What it
// has written can be read back by Import: the same bytes, dates and marks, as
// far as the form can hold them (export.go).
package exchange
