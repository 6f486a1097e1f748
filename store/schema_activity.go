package store

// schemaActivity: which mailbox, whatever its name becomes, and where what
// came into it was before. With both a mail's way can be followed.
const schemaActivity = `
ALTER TABLE activity ADD COLUMN place INTEGER NOT NULL DEFAULT 0;    -- mailbox; 0: not known
ALTER TABLE activity ADD COLUMN source TEXT NOT NULL DEFAULT '';     -- name then of the mailbox that they came from
ALTER TABLE activity ADD COLUMN sourceplace INTEGER NOT NULL DEFAULT 0;
ALTER TABLE activity ADD COLUMN sourceuids TEXT NOT NULL DEFAULT ''; -- the n-th became the n-th of uids
ALTER TABLE activity ADD COLUMN account TEXT NOT NULL DEFAULT '';    -- address of the account that delivered
`
