// Package message: this file only lets others compile; delete it when the
// real package lands.
package message

// Message is replaced by the real one.
type Message struct{}

// Part is replaced by the real one.
type Part struct{}
