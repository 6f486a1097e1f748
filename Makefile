# SQLite's full-text search is compiled in by this tag.
export GOFLAGS := -tags=sqlite_fts5

.PHONY: demo run build test bench lint soak peers

build:
	go build -o bin/heimpost ./cmd/heimpost
