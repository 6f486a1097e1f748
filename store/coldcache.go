package store

import (
	"sync"
	"sync/atomic"
	"time"
)

const (
	// coldMemory bounds what the cache of all boxes together holds.
	coldMemory = 32 << 20
	// coldIdle is after what time a column that nobody has used goes; at the
	// latest after twice that.
	coldIdle = 2 * time.Minute
	// coldBits: the mails of 2^coldBits rows that follow each other are a block.
	coldBits = 8
	coldRows = 1 << coldBits
)

// coldBlock gives the block of a mail, and its place in it.
func coldBlock(mail int64) (block int64, place int) {
	return mail >> coldBits, int(mail & (coldRows - 1))
}

// packed is one column of a block of mails as SQLite gathers it: the values
// one after another. Rows of mails never change, so neither does a packed; it
// may lack mails that came later.
type packed struct {
	data   []byte
	from   [coldRows]uint32
	end    [coldRows]uint32 // one more than where it ends; 0: there is no such mail
	marked [coldRows]bool   // colHeader: it is complete
	used   atomic.Bool      // since the cache last looked
}

// has reports whether the column has a value, if only an empty one, for the
// mail at a place.
func (p *packed) has(place int) bool { return p.end[place] > 0 }

// is says where in data the value for the mail at a place is.
func (p *packed) is(place, from, to int) {
	p.from[place], p.end[place] = uint32(from), uint32(to)+1
}

func (p *packed) at(place int) []byte {
	to := p.end[place] - 1
	return p.data[p.from[place]:to:to]
}

// packedOverhead is what a packed takes beside its data.
const packedOverhead = (2*4+1)*coldRows + 64

func (p *packed) size() int { return cap(p.data) + packedOverhead }

// coldKey names a column of a block of a box's mails.
type coldKey struct {
	box   *index
	block int64
	col   column
}

// coldCache keeps columns of blocks that were read, of all boxes, so that who
// reads a mailbox again does not ask SQLite again.
type coldCache struct {
	mu    sync.Mutex
	cols  map[coldKey]*packed
	bytes int
	sweep *time.Timer
}

// coldMails is the one cache: its bound is the process's.
var coldMails = coldCache{cols: map[coldKey]*packed{}}

// get fills in the columns of a block that are wanted and known.
func (c *coldCache) get(box *index, block int64, wanted []column, into []*packed) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i, col := range wanted {
		if into[i] = c.cols[coldKey{box, block, col}]; into[i] != nil {
			into[i].used.Store(true)
		}
	}
}

// changes counts the deletions of a box's mails. What is read is put with the
// count from before the reading, so that no deleted mail comes back.
func (c *coldCache) changes(box *index) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return box.deletions
}

// put keeps a column that was read. Where there is no room, others go without
// an order: so one reading of a mailbox that is too big for the cache, again
// and again, still finds a part.
func (c *coldCache) put(box *index, changes int, block int64, col column, p *packed) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if box.deletions != changes || p.size() > coldMemory/8 {
		return
	}
	key := coldKey{box, block, col}
	c.remove(key)
	for other := range c.cols {
		if c.bytes+p.size() <= coldMemory {
			break
		}
		c.remove(other)
	}
	p.used.Store(true)
	c.cols[key] = p
	c.bytes += p.size()
	if c.sweep == nil {
		c.sweep = time.AfterFunc(coldIdle, c.expire)
	}
}

func (c *coldCache) remove(key coldKey) {
	if p := c.cols[key]; p != nil {
		c.bytes -= p.size()
		delete(c.cols, key)
	}
}

// expire drops what was not used since it was last called.
func (c *coldCache) expire() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for key, p := range c.cols {
		if !p.used.Swap(false) {
			c.remove(key)
		}
	}
	if c.sweep = nil; len(c.cols) > 0 {
		c.sweep = time.AfterFunc(coldIdle, c.expire)
	}
}

// forget drops what is known of mails that were deleted.
func (c *coldCache) forget(box *index, mails []int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	box.deletions++
	last := int64(-1)
	for _, mail := range mails {
		block, _ := coldBlock(mail)
		if block == last {
			continue
		}
		last = block
		for col := range columns {
			c.remove(coldKey{box, block, col})
		}
	}
}

// close drops all of a box.
func (c *coldCache) close(box *index) {
	c.mu.Lock()
	defer c.mu.Unlock()
	box.deletions++
	for key := range c.cols {
		if key.box == box {
			c.remove(key)
		}
	}
}
