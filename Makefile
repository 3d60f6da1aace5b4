# Everything that is built or brought along lies in folders that git ignores: .build, .tools, .parts.

GO        ?= go
FUZZTIME  ?= 20s
BENCHTIME ?= 1s
VERSION   ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
LDFLAGS   := -X github.com/offload/sessiond/bootstrap.Version=$(VERSION)

GOLANGCI         := .tools/golangci-lint
GOLANGCI_VERSION := v2.15.0
GOLANGCI_STAMP   := .tools/golangci-lint-$(GOLANGCI_VERSION)

# Modules of their own, which ./... leaves out: what they need stays out of go.mod.
MODULES := test/peers test/storage test/bench test/clients test/faults

.DEFAULT_GOAL := help
.PHONY: help run build test test-unit test-modules test-python test-long lint parts generate verify fuzz bench bench-redis edge-load faults

help: ## say what there is to make
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  %-11s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: build ## build, and serve on embedded defaults
	@.build/sessiond

build: ## build the binary into .build
	@mkdir -p .build
	$(GO) build -trimpath -ldflags '$(LDFLAGS)' -o .build/sessiond ./cmd/sessiond

test: verify lint test-unit test-modules ## all that a change must pass: generated code, lint, race, real sockets, real servers, libraries of others

# What a race build leaves out (go:build !race) runs in a second pass: it is long, and has one goroutine.
test-unit: parts
	$(GO) test -race -timeout 10m ./...
	$(GO) test -timeout 5m $$(git grep -l '^//go:build !race$$' -- '*_test.go' | xargs -n1 dirname | sort -u | sed 's|^|./|')

# Without -race where others' code is long under it and shares nothing with ours: SQLite in Go, a generated client. Faults spend most of their time
# waiting, so more run at once than there are processors.
test-modules: parts
	@for module in $(MODULES); do (cd $$module && $(GO) vet ./...) || exit 1; done
	cd test/peers && $(GO) test -race -timeout 5m ./...
	cd test/storage && $(GO) test -timeout 5m ./...
	cd test/clients && $(GO) test -timeout 5m ./...
	cd test/faults && $(GO) test -race -parallel 4 -timeout 10m -skip '^TestLong' ./...

test-python: ## the verifier for Python, against the vectors, the Go domain and FastAPI
	GO=$(GO) ./test/python.sh

test-long: fuzz parts test-python ## what takes longer: fuzzing for FUZZTIME a target, killed writers of keysets, every fault of a shared storage, other languages, a browser
	KEYSET_TEST_KILLS=1000 $(GO) test -count=1 -v -timeout 30m -run '^TestLong' ./adapters/keys/keyset
	cd test/faults && $(GO) test -race -parallel 4 -count=1 -v -timeout 30m ./...
	./test/schemathesis.sh
	./test/typescript.sh
	GO=$(GO) ./test/languages.sh

lint: $(GOLANGCI_STAMP) ## the import table, clocks, exhaustive switches, comments
	@for module in . $(MODULES); do (cd $$module && $(CURDIR)/$(GOLANGCI) run --allow-parallel-runners ./...) || exit 1; done

$(GOLANGCI_STAMP):
	@mkdir -p .tools
	GOBIN=$(CURDIR)/.tools $(GO) install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(GOLANGCI_VERSION)
	@touch $@

parts: ## bring the servers that tests start, as Debian packages
	./test/parts.sh

generate: ## write the mocks and the client in test/clients anew
	$(GO) generate ./...
	cd test/clients && $(GO) generate ./...

verify: ## fail where generated code or a go.mod is not what it would be made now
	./test/verify.sh $(MODULES)

fuzz: ## run each fuzz target for FUZZTIME
	./test/fuzz.sh $(FUZZTIME)

bench: ## benchmarks of tokens, decisions, and a whole request; bench-redis has those on a real server
	$(GO) test -run '^$$' -bench . -benchmem -benchtime $(BENCHTIME) ./domain/token ./adapters/limiter/memory ./test/e2e/...

bench-redis: parts ## what a shared decision costs, beside redis_rate and a PING, as a table
	cd test/bench && $(GO) test -run '^$$' -bench SharedDecision -benchtime 20s .
	cd test/bench && $(GO) test -run '^$$' -bench BytesKept -benchtime 1x .

edge-load: build ## a crowd of idle and slow connections: what others feel of it, and the memory it takes
	$(GO) run ./test/edgeload .build/sessiond

faults: parts ## measure every fault of a shared storage under each policy, and write the figures into OPERATIONS.md
	cd test/faults && FAULTS_TABLE=$(CURDIR)/cmd/sessiond/OPERATIONS.md $(GO) test -run '^$$' -bench . -benchtime 1x -timeout 60m ./...
