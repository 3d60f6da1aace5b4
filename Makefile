# Everything that is built or installed for the tests is in folders that git ignores: .build, .tools,
# .parts.

GO        ?= go
FUZZTIME  ?= 20s
comma     := ,
VERSION   ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
LDFLAGS   := -X github.com/offload/sessiond/bootstrap.Version=$(VERSION)

GOLANGCI         := .tools/golangci-lint
GOLANGCI_VERSION := v2.15.0
GOLANGCI_STAMP   := .tools/golangci-lint-$(GOLANGCI_VERSION)

# Modules of their own, so that their dependencies stay out of go.mod; ./... does not include them.
MODULES := test/peers test/storage test/bench test/clients test/faults

.DEFAULT_GOAL := help
.PHONY: help run build man test test-unit test-suites test-modules test-python test-long check lint parts generate \
	verify fuzz bench bench-check bench-redis siege faults fleets

SAY = @echo "== $(1)"

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  %-11s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: build ## build, and serve on embedded defaults
	@.build/sessiond

build: ## build the static binary into .build
	@mkdir -p .build
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags '$(LDFLAGS)' -o .build/sessiond ./cmd/sessiond

man: ## write the manual pages into .build/man
	@mkdir -p .build/man
	$(GO) run -ldflags '$(LDFLAGS)' ./cmd/sessiond/man .build/man

test: test-unit test-suites test-modules ## run the tests: race detector, real sockets, real servers, peer libraries

# Many tests wait for deadlines or for other processes, so more of them run at once than there are
# processors. vet is part of make check.
GOTEST := $(GO) test -vet=off -p 4 -parallel 8 -timeout 10m

# Suites test the whole service from outside. make test-long runs them with the race detector.
SUITES := ./test/e2e/... ./test/proxies ./test/readme ./test/docs

# Simulations have one goroutine each, and take eight times as long with the race detector.
SIMULATIONS := ./test/fleets

test-unit: parts
	$(call SAY,packages$(comma) with the race detector)
	$(GOTEST) -race $$($(GO) list ./... | grep -vE '/test/(e2e|proxies|readme|docs|fleets)(/|$$)')

test-suites: parts
	$(call SAY,random secrets)
	SECRET_TEST_SAMPLES=20000 $(GO) test -vet=off -count=1 -timeout 10m -run '^TestAcceptsRandomSecrets$$' ./domain/secret
	$(call SAY,the whole service)
	$(GOTEST) $(SUITES) $(SIMULATIONS)

test-modules: parts
	$(call SAY,peer libraries)
	cd test/peers && $(GOTEST) ./...
	$(call SAY,a generated client)
	cd test/clients && $(GOTEST) ./...
	$(call SAY,the commonest faults of a shared storage)
	cd test/faults && $(GOTEST) -parallel 4 -skip '^TestLong' ./...

test-python: ## test the Python verifier against the vectors, the Go domain and FastAPI
	GO=$(GO) ./test/python.sh

test-long: fuzz build parts test-python ## what takes longer: fuzzing, attacks, killed writers, every fault, other languages, a browser
	$(call SAY,random secrets$(comma) millions in all)
	SECRET_TEST_SAMPLES=150000 $(GO) test -count=1 -timeout 30m -run '^TestAcceptsRandomSecrets$$' ./domain/secret
	$(call SAY,killed writers of keysets)
	KEYSET_TEST_KILLS=1000 $(GO) test -count=1 -v -timeout 30m -run '^TestLong' ./adapters/keys/keyset
	$(call SAY,the whole service$(comma) with the race detector)
	$(GOTEST) -race $(SUITES)
	$(call SAY,a storage on SQLite)
	cd test/storage && $(GOTEST) ./...
	$(call SAY,every fault of a shared storage)
	cd test/faults && $(GO) test -race -parallel 4 -count=1 -v -timeout 30m ./...
	$(call SAY,attacks on the built service)
	$(GO) build -o .build/siege ./test/siege
	.build/siege -outcomes -calm 1s -attack 3s .build/sessiond
	$(call SAY,generated requests)
	./test/schemathesis.sh
	$(call SAY,typed TypeScript client)
	./test/typescript.sh
	$(call SAY,clients in other languages and a browser)
	GO=$(GO) ./test/languages.sh

check: verify lint ## check generated code, tidy modules, formatting, vet and lint

lint: $(GOLANGCI_STAMP) ## vet, the import table, clocks, exhaustive switches, comments, line length
	@for module in . $(MODULES); do echo "== lint $$module"; \
		(cd $$module && $(GO) vet ./... && $(CURDIR)/$(GOLANGCI) run --allow-parallel-runners ./...) || exit 1; done

$(GOLANGCI_STAMP):
	$(call SAY,building the linter$(comma) once)
	@mkdir -p .tools
	GOBIN=$(CURDIR)/.tools $(GO) install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(GOLANGCI_VERSION)
	@touch $@

parts: ## install the servers that tests start, as Debian packages and wheels
	./test/parts.sh

generate: ## regenerate the mocks and the client in test/clients
	$(GO) generate ./...
	cd test/clients && $(GO) generate ./...

verify: ## fail if generated code, a go.mod or formatting is out of date
	./test/verify.sh $(MODULES)

fuzz: ## run each fuzz target for FUZZTIME
	./test/fuzz.sh $(FUZZTIME)

bench: ## measure what sessiond does beside peers and lower bounds, into docs/performance.md
	cd test/bench && $(GO) run ./compare -table $(CURDIR)/cmd/sessiond/docs/performance.md -short $(CURDIR)/README.md

bench-check: ## fail if a ratio is worse by 15% than in test/bench/results.json
	cd test/bench && $(GO) run ./compare -check

bench-redis: parts ## benchmark a shared decision beside redis_rate and a PING
	cd test/bench && $(GO) test -run '^$$' -bench SharedDecision -benchtime 20s .
	cd test/bench && $(GO) test -run '^$$' -bench BytesKept -benchtime 1x .

siege: build parts ## attack the built service, check its goals, write the figures into docs/threat-model.md
	$(GO) build -o .build/siege ./test/siege
	.build/siege -table cmd/sessiond/docs/threat-model.md -sizing cmd/sessiond/docs/operations.md .build/sessiond

faults: parts ## measure every fault of a shared storage under each policy, into docs/limits.md
	cd test/faults && FAULTS_TABLE=$(CURDIR)/cmd/sessiond/docs/limits.md $(GO) test -run '^$$' -bench . -benchtime 1x -timeout 60m ./...

fleets: ## simulate crowds and attackers, and write the tables into docs/limits.md
	$(GO) test -count=1 -run '^TestTables$$' ./test/fleets -update
