// Package message says what a mail is: one tolerant, byte-exact pass over its
// bytes finds the MIME tree with offsets, the ENVELOPE and BODYSTRUCTURE ready
// for the wire, and what the index keeps of its header. Searchable text is
// decoded from the stored bytes when it is wanted.
//
// # What always holds
//
//   - Any bytes are a mail. Broken ones get the structure that they can have;
//     nothing here returns an error about a mail's content, and nothing panics.
//   - The pass is a stream: memory does not grow with the mail (nesting,
//     number of parts and header size are bounded; beyond the bounds a part is
//     a leaf).
//   - Offsets are those of the bytes that were written to the Scanner, so a
//     section of a mail is one read of its file.
package message
