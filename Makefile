# Each target sets up what it needs: scripts/go brings the compilers,
# scripts/install-peers the mail programs that the tests talk to.

GO := scripts/go
# SQLite's full-text search is compiled in by this tag.
export GOFLAGS := $(GOFLAGS) -tags=sqlite_fts5

.PHONY: build demo run test lint race fuzz faults servers soak bench compare pictures peers clean

build: ## bin/heimpost
	$(GO) build -o bin/heimpost ./cmd/heimpost

demo: build ## try it: sample mail, a person demo/demo, nothing is left behind
	bin/heimpost demo

run: build ## the hub on your own data
	bin/heimpost serve

test: peers lint ## everything that has to pass, within 15 minutes on two cores
	$(GO) test -timeout 15m ./...
	$(MAKE) race fuzz

lint: ## vet (also for other systems), staticcheck, gofmt
	$(GO) vet ./...
	CGO_ENABLED=0 GOOS=windows $(GO) vet ./...
	CGO_ENABLED=0 GOOS=darwin $(GO) vet ./...
	$(GO) tool staticcheck ./...
	@files=$$("$$($(GO) env GOROOT)/bin/gofmt" -l .) && test -z "$$files" || { echo "not gofmt-ed: $$files"; exit 1; }

race: ## the packages that share memory, with the race detector
	$(GO) test -short -race -timeout 10m ./store/... ./imapd/... ./pop3fetch/... ./hub/... ./web/... ./exchange/...

fuzz: ## each fuzz target for a moment
	scripts/fuzz 1000x

faults: ## the fetcher's fault suite with its report: schedules, faults, mails lost and duplicated
	$(GO) test -count=1 -v -run 'TestSchedules' -timeout 10m ./pop3fetch

servers: peers ## what the fetcher is tried with on every POP3 server that Debian has
	$(GO) test -count=1 -v -run 'TestRealServers|TestDovecot' -timeout 10m ./pop3fetch

soak: ## the long sweeps: hours
	HEIMPOST_SOAK=1 $(GO) test -timeout 12h ./...
	scripts/fuzz 1000000x

bench: ## against a private Dovecot and mpop, in one run
	bench/run

compare: ## faults at the provider before Heimpost, fetchmail, getmail6 and mpop: lost, duplicated
	scripts/install-peers bench
	$(GO) run ./bench/compare

pictures: peers ## docs/pictures anew, from the running pages
	scripts/pictures

peers:
	scripts/install-peers

clean:
	rm -rf bin
