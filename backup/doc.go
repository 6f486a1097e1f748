// Package backup keeps backups of a data folder in another folder: a USB disk,
// a NAS.
//
// # Layout
//
//	TARGET/README.txt             what this is, in words
//	TARGET/heimpost-backup.json   whose backup it is
//	TARGET/lock                   held by the one process that writes it
//	TARGET/mails/XX/HASH-SIZE.eml every mail once, as it was received
//	TARGET/snapshots/TIME/        what else the data folder held at that time
//	    SHA256SUMS                of all its files; sha256sum -c reads it
//	    snapshot.json             what it is, and what is missing in it
//	    data/heimpost.toml, data/secret.key, data/tls/…, data/hub.sqlite.gz
//	    data/boxes/BOX/…          index, lists of its mails, what a rebuild needs
//	TARGET/tmp/                   what is not yet visible
//
// HASH is the mail's id as people see it, XX its first two characters. Names
// are lower case but for few fixed ones, without colons, and nothing needs hard
// links, modes or long paths: exFAT, NTFS and network folders take all of it.
//
// # What always holds
//
//   - A mail's file gets its name when its bytes, which were hashed on the way,
//     are durable. So a name is enough to know that the target has a mail.
//   - A snapshot gets its name, by one rename, when all its files, all folders
//     of mails and their names are durable. What is interrupted leaves nothing
//     that looks like a snapshot; the mails it brought stay for the next one.
//   - A snapshot needs no other: all mails that its lists name are in mails/.
//   - Boxes are taken one after another, each as it is at one moment. A mail
//     that goes from one to another just then may be in the snapshot twice, or
//     only among what the box it left has deleted.
//   - Nothing is removed before a new snapshot is durable, nothing while any
//     snapshot cannot be read, and no mail that a snapshot names.
//   - Symbolic links in the target are not followed.
//   - What is restored was compared with its hash on the way.
package backup
