package store

import "sync/atomic"

// What the disk reads ahead for one that reads mails' files, at most.
const (
	aheadFiles = 32
	aheadBytes = 8 << 20
	aheadFirst = 1 << 20 // of one file: then the system reads ahead by itself
)

// filesAhead makes the disk read the files of the mails that come next while
// the one before them is being answered. It only hints: whoever needs a file
// opens it, and is told if that fails.
type filesAhead struct {
	disk    *disk
	mailbox ID
	names   chan mailFileName
	ended   chan struct{}
	now     atomic.Uint32 // the UID that is being answered

	in       *mailReader // what is being read
	from, to int         // its mails that were asked for and not answered yet
	bytes    int64       // that these have
}

func startFilesAhead(m *Mailbox) *filesAhead {
	a := &filesAhead{disk: m.v.b.disk, mailbox: m.m.id, names: make(chan mailFileName, aheadFiles), ended: make(chan struct{})}
	go a.run()
	return a
}

func (a *filesAhead) run() {
	defer close(a.ended)
	there := 0 // files in a row that were in memory already
	for n := range a.names {
		if n.uid <= a.now.Load() || there >= aheadFiles && n.uid%aheadFiles != 0 {
			continue // it is too late, or most likely in vain
		}
		f, err := a.disk.fs.Open(a.disk.path(n))
		if err != nil {
			continue
		}
		if f.StartRead(min(n.size, aheadFirst)) {
			there = 0
		} else {
			there++
		}
		f.Close()
	}
}

// stop ends it when nothing is answered any more.
func (a *filesAhead) stop() {
	a.now.Store(1<<32 - 1)
	close(a.names)
	<-a.ended
}

// next is called when the i-th mail of r is about to be answered.
func (a *filesAhead) next(r *mailReader, i int) {
	if a == nil {
		return
	}
	a.now.Store(uint32(r.entries[i].UID))
	if a.in != r {
		a.in, a.from, a.to, a.bytes = r, i, i, 0
	}
	for ; a.from <= i; a.from++ {
		if a.from < a.to {
			a.bytes -= a.octets(a.from)
		}
	}
	a.to = max(a.to, a.from)
	if a.to-a.from > aheadFiles/2 || a.bytes > aheadBytes/2 {
		return // some at a time
	}
	for ; a.to < len(r.entries) && a.to-a.from < aheadFiles && a.bytes < aheadBytes; a.to++ {
		info, is := r.file(a.to)
		if !is {
			continue
		}
		select {
		case a.names <- mailFileName{a.mailbox, uint32(r.entries[a.to].UID), info}:
			a.bytes += a.octets(a.to)
		default:
			return // the disk is behind
		}
	}
}

// octets gives how many of the i-th mail's octets are read ahead.
func (a *filesAhead) octets(i int) int64 {
	info, _ := a.in.file(i)
	return min(info.size, aheadFirst)
}
