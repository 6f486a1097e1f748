//go:build !cgo

package store

// Without cgo there is no SQLite: the package can be checked, not run.

func sqliteFull(error) bool { return false }

func sqliteDamaged(error) bool { return false }
