package store

// FlushLogs writes the state logs now.
func (b *Box) FlushLogs() error { return b.disk.logs.flush() }
