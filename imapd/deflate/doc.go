// Package deflate compresses an IMAP connection (RFC 4978, RFC 1951) so that
// an idle one costs next to nothing.
//
// The standard library's halves do not fit: its Writer keeps 800 KiB for as
// long as a connection lives, and its Reader waits for the end of a block
// after a partial flush, for ever, and cannot go on after a deadline.
package deflate
