//go:build race

package pop3fetch

// raceEnabled: the race detector makes everything ten times slower.
const raceEnabled = true
