// Package message: this file only lets others compile; delete it when the
// real package lands.
package message

// Message is replaced by the real one.
type Message struct {
	Header, Envelope, BodyStructure []byte
	HeaderComplete                  bool
	Subject, From, MessageID        string
}

func (m *Message) AppendParts(b []byte) []byte { return b }

// Part is replaced by the real one.
type Part struct{}

func DecodeParts([]byte) (*Part, error) { return &Part{}, nil }
