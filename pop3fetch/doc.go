// Package pop3fetch drains providers' POP3 accounts into boxes without loss
// or duplicate.
package pop3fetch
