//go:build !sqlite_fts5

package store

// Full-text search is compiled into SQLite by a build tag. Without it this
// identifier, which exists nowhere, stops the compiler with the sentence that
// says what to type.
var _ = build_Heimpost_with___go_build__tags_sqlite_fts5___or_make
