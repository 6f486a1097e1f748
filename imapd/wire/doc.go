// Package wire speaks the language of IMAP (RFC 3501 §9, RFC 9051 §9): a
// Decoder that takes commands apart token by token, with literals streamed,
// and an Encoder that puts responses together in one buffer.
//
// # Decoder
//
// Its methods come in two families, so that a handler reads like the ABNF:
//
//	d.X(&v) bool        takes an X if one is there; else nothing is taken
//	d.ExpectX(&v) bool  wants an X; if there is none, d.Err() says so
//
// After the first error all methods give false, so that only the end of a
// chain has to be looked at:
//
//	if !d.ExpectSP() || !d.ExpectMailbox(&name) || !d.ExpectCRLF() {
//		return d.Err()
//	}
//
// What a handler did not take is discarded by Finish, non-synchronising
// literals included: their content never runs as a command. Everything is
// bounded by Limits.
package wire
