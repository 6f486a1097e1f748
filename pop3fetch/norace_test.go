//go:build !race

package pop3fetch

const raceEnabled = false
