// Package certs gives the hub its TLS certificate: one of an own authority
// that it makes at the first start, or the user's files.
//
// # What always holds
//
//   - The authority (ca.pem, ca.key) is made once and lasts ten years: a
//     device that trusts it never has to be asked again.
//   - The leaf (leaf.pem, leaf.key) is valid for at most 398 days, keeps its
//     key when it is renewed, and holds DNS names (clients refuse a bare IP
//     address in a certificate) as well as the machine's addresses.
//   - Keys are readable by their owner alone (mode 0600). A file is complete
//     or not there: it is written beside, synced and renamed.
package certs
