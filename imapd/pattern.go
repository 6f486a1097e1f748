package imapd

// pattern is a LIST pattern: "*" stands for any text, "%" for any text
// without a delimiter (RFC 3501 §6.3.8). It is matched by running a set of
// states, one bit for each place in the pattern, over the name: time grows
// with the product of both lengths, divided by 64, whatever they are.
type pattern struct {
	text  []byte            // no two wildcards side by side
	masks map[byte][]uint64 // the places at which an octet stands
	star  []uint64          // the places of "*"
	wild  []uint64          // the places of both wildcards
}

// maxPattern bounds the length of a pattern.
const maxPattern = 2000

// newPattern prepares a pattern.
func newPattern(s string) *pattern {
	p := &pattern{masks: map[byte][]uint64{}}
	s = foldInbox(s)
	for i := range len(s) {
		b := s[i]
		if n := len(p.text); n > 0 && (b == '*' || b == '%') {
			// Wildcards side by side are as good as the stronger of them.
			if p.text[n-1] == '*' {
				continue
			} else if p.text[n-1] == '%' {
				p.text[n-1] = b
				continue
			}
		}
		p.text = append(p.text, b)
	}
	words := len(p.text)/64 + 1
	p.star, p.wild = make([]uint64, words), make([]uint64, words)
	for i, b := range p.text {
		w, bit := i/64, uint64(1)<<(i%64)
		switch b {
		case '*':
			p.star[w] |= bit
			p.wild[w] |= bit
		case '%':
			p.wild[w] |= bit
		default:
			if p.masks[b] == nil {
				p.masks[b] = make([]uint64, words)
			}
			p.masks[b][w] |= bit
		}
	}
	return p
}

// match reports whether the pattern matches the whole name.
func (p *pattern) match(name string) bool {
	// Bit i of state: the pattern's first i octets match what was read.
	words := len(p.star)
	state := make([]uint64, words, 2*words)
	next := state[words : 2*words]
	state[0] = 1
	p.pass(state)
	anyCase := isInbox(name) // RFC 3501 §5.1
	for i := range len(name) {
		b := name[i]
		stay := p.wild
		if b == delimiter {
			stay = p.star
		}
		mask, lower := p.masks[b], []uint64(nil)
		if anyCase && i < len(inbox) {
			lower = p.masks[b|0x20]
		}
		var carry, any uint64
		for w := range state {
			var step uint64
			if mask != nil {
				step = state[w] & mask[w]
			}
			if lower != nil {
				step |= state[w] & lower[w]
			}
			next[w] = state[w]&stay[w] | step<<1 | carry
			carry = step >> 63
			any |= next[w]
		}
		if any == 0 {
			return false
		}
		state, next = next, state
		p.pass(state)
	}
	end := len(p.text)
	return state[end/64]&(1<<(end%64)) != 0
}

// pass lets wildcards stand for nothing: from before one the state is also
// after it. None follows another, so once is enough.
func (p *pattern) pass(state []uint64) {
	var carry uint64
	for w := range state {
		over := state[w] & p.wild[w]
		state[w] |= over<<1 | carry
		carry = over >> 63
	}
}
