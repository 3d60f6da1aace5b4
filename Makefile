# Everything that is built or brought along lies in folders that git ignores: .build, .tools, .parts.

GO        ?= go
FUZZTIME  ?= 20s
BENCHTIME ?= 1s
VERSION   ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
LDFLAGS   := -X github.com/offload/sessiond/bootstrap.Version=$(VERSION)

GOLANGCI         := .tools/golangci-lint
GOLANGCI_VERSION := v2.15.0
GOLANGCI_STAMP   := .tools/golangci-lint-$(GOLANGCI_VERSION)

.DEFAULT_GOAL := help
.PHONY: help run build test test-unit test-peers test-storage test-faults test-long lint parts generate verify fuzz bench faults

help: ## say what there is to make
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: build ## build, and serve on embedded defaults
	@.build/sessiond

build: ## build the binary into .build
	@mkdir -p .build
	$(GO) build -trimpath -ldflags '$(LDFLAGS)' -o .build/sessiond ./cmd/sessiond

test: verify lint test-unit test-peers test-storage test-faults ## all that a change must pass: generated code, lint, race, real sockets, libraries of others

# What a race build leaves out (go:build !race) runs in a second pass: it is long, and has one goroutine.
test-unit: parts
	$(GO) test -race -timeout 10m ./...
	$(GO) test -timeout 5m $$(git grep -l '^//go:build !race$$' -- '*_test.go' | xargs -n1 dirname | sort -u | sed 's|^|./|')

# Modules of their own, which ./... leaves out. The storage is without -race: SQLite in Go is long under it, and its module shares nothing else.
test-peers:
	cd test/peers && $(GO) vet ./... && $(GO) test -race -timeout 5m ./...

test-storage:
	cd test/storage && $(GO) vet ./... && $(GO) test -timeout 5m ./...

# The commonest faults of a shared storage; test-long has all of them. Most of the time is spent waiting, so more run at once than there are processors.
test-faults: parts
	cd test/faults && $(GO) vet ./... && $(GO) test -race -parallel 4 -timeout 10m -skip '^TestLong' ./...

test-long: fuzz parts ## what takes longer: fuzzing for FUZZTIME a target, a thousand writers of keysets killed, every fault of a shared storage, other languages
	KEYSET_TEST_KILLS=1000 $(GO) test -count=1 -v -timeout 30m -run '^TestLong' ./adapters/keys/keyset
	cd test/faults && $(GO) test -race -parallel 4 -count=1 -v -timeout 30m ./...
	GO=$(GO) ./test/languages.sh

lint: $(GOLANGCI_STAMP) ## the import table, clocks, exhaustive switches, comments
	$(GOLANGCI) run --allow-parallel-runners ./...
	cd test/peers && $(CURDIR)/$(GOLANGCI) run --allow-parallel-runners ./...
	cd test/storage && $(CURDIR)/$(GOLANGCI) run --allow-parallel-runners ./...
	cd test/faults && $(CURDIR)/$(GOLANGCI) run --allow-parallel-runners ./...

$(GOLANGCI_STAMP):
	@mkdir -p .tools
	GOBIN=$(CURDIR)/.tools $(GO) install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(GOLANGCI_VERSION)
	@touch $@

parts: ## bring the servers that tests start, as Debian packages
	./test/parts.sh

generate: ## write the mocks anew
	$(GO) generate ./...

verify: ## fail where generated code or go.mod is not what it would be made now
	./test/verify.sh

fuzz: ## run each fuzz target for FUZZTIME
	./test/fuzz.sh $(FUZZTIME)

bench: ## benchmarks of tokens, decisions, and a whole request
	$(GO) test -run '^$$' -bench . -benchmem -benchtime $(BENCHTIME) ./domain/token ./adapters/limiter/memory ./test/e2e/...

faults: parts ## measure every fault of a shared storage under each policy, and write the figures into OPERATIONS.md
	cd test/faults && FAULTS_TABLE=$(CURDIR)/cmd/sessiond/OPERATIONS.md $(GO) test -run '^$$' -bench . -benchtime 1x -timeout 60m ./...
