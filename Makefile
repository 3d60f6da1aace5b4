# Everything that is built or installed for the tests is in folders that git ignores: .build, .tools,
# .parts.

# The scripts in test use the same go command.
export GO ?= go
FUZZTIME  ?= 6s
comma     := ,
VERSION   ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
LDFLAGS   := -X github.com/offload/sessiond/bootstrap.Version=$(VERSION)

# Released binaries are the same wherever they are built: from the sources alone, for the oldest
# processor of an architecture, without the tables of symbols and debuggers.
RELEASED  := CGO_ENABLED=0 GOAMD64=v1 GOARM64=v8.0 GOEXPERIMENT= $(GO) build -trimpath -ldflags '-s -w $(LDFLAGS)'
PLATFORMS := linux-amd64 linux-arm64 darwin-amd64 darwin-arm64
RELEASE   := .build/release
IMAGES    := linux-amd64 linux-arm64
IMAGE     := .build/image

GOLANGCI         := .tools/golangci-lint
GOLANGCI_VERSION := v2.15.0
GOLANGCI_STAMP   := .tools/golangci-lint-$(GOLANGCI_VERSION)

CYCLONEDX         := $(CURDIR)/.tools/cyclonedx-gomod
CYCLONEDX_VERSION := v1.10.0
CYCLONEDX_STAMP   := .tools/cyclonedx-gomod-$(CYCLONEDX_VERSION)

GOVULNCHECK         := .tools/govulncheck
GOVULNCHECK_VERSION := v1.9.0
GOVULNCHECK_STAMP   := .tools/govulncheck-$(GOVULNCHECK_VERSION)

# Modules of their own, so that their dependencies stay out of go.mod; ./... does not include them.
MODULES := test/peers test/storage test/bench test/clients test/faults test/soak test/deploy cmd/sessiond/deploy/image

.DEFAULT_GOAL := help
.PHONY: help run build man test test-unit test-suites test-modules test-python test-long check lint vulnerabilities parts \
	generate image release verify fuzz bench bench-bound bench-check siege faults fleets soak

SAY = @echo "== $(1)"

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  %-15s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: build ## build the service and run it with its defaults
	@.build/sessiond

build: ## build the static binary into .build
	@mkdir -p .build
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags '$(LDFLAGS)' -o .build/sessiond ./cmd/sessiond

man: ## write the manual pages into .build/man
	@mkdir -p .build/man
	$(GO) run -ldflags '$(LDFLAGS)' ./cmd/sessiond/man .build/man

image: $(addprefix $(IMAGE)/sessiond-,$(IMAGES)) ## build container images into .build/image
	$(GO) -C cmd/sessiond/deploy/image run . -version '$(VERSION)' -out '$(abspath $(IMAGE))' \
		$(foreach name,$(IMAGES),$(lastword $(subst -, ,$(name)))='$(abspath $(IMAGE))/sessiond-$(name)')

release: $(addprefix $(RELEASE)/sessiond-,$(PLATFORMS)) $(CYCLONEDX_STAMP) ## build release binaries, SBOMs and checksums into .build/release
	cd $(RELEASE) && for name in $(PLATFORMS); do $(CYCLONEDX) bin -json -std -noserial -notimestamp \
		-version '$(VERSION)' -output sessiond-$$name.cdx.json sessiond-$$name || exit 1; done
	cd $(RELEASE) && sha256sum $(foreach name,$(PLATFORMS),sessiond-$(name) sessiond-$(name).cdx.json) >SHA256SUMS

# sessiond-OS-ARCHITECTURE in any folder. The go command knows whether it is up to date.
$(addprefix $(RELEASE)/sessiond-,$(PLATFORMS)) $(addprefix $(IMAGE)/sessiond-,$(IMAGES)): FORCE
	@mkdir -p $(@D)
	GOOS=$(word 2,$(subst -, ,$(@F))) GOARCH=$(word 3,$(subst -, ,$(@F))) $(RELEASED) -o $@ ./cmd/sessiond

.PHONY: FORCE
FORCE:

$(CYCLONEDX_STAMP):
	$(call SAY,building cyclonedx-gomod$(comma) once; an SBOM holds its checksum)
	@mkdir -p .tools
	CGO_ENABLED=0 GOBIN=$(CURDIR)/.tools $(GO) install -trimpath github.com/CycloneDX/cyclonedx-gomod/cmd/cyclonedx-gomod@$(CYCLONEDX_VERSION)
	@touch $@

test: test-unit test-suites test-modules ## run what a change must pass; under 8 minutes

# Many tests wait for deadlines or for other processes, so more of them run at once than there are
# processors. vet is part of make check.
GOTEST := $(GO) test -vet=off -p 4 -parallel 8 -timeout 10m

# Suites test the whole service from outside. make test-long runs them with the race detector.
SUITES := ./test/e2e/... ./test/proxies ./test/snippets ./test/docs

# Simulations have one goroutine each, and take eight times as long with the race detector.
SIMULATIONS := ./test/fleets

test-unit: parts
	$(call SAY,packages$(comma) with the race detector)
	$(GOTEST) -race $$($(GO) list ./... | grep -vE '/test/(e2e|proxies|snippets|docs|fleets|watch|upgrade)(/|$$)')

test-suites: parts
	$(call SAY,random secrets)
	SECRET_TEST_SAMPLES=20000 $(GO) test -vet=off -count=1 -timeout 10m -run '^TestAcceptsRandomSecrets$$' ./domain/secret
	$(call SAY,the whole service)
	$(GOTEST) $(SUITES) $(SIMULATIONS)
	$(call SAY,alerts and the runbook)
	$(GOTEST) -skip '^TestLong' ./test/watch

test-modules: parts
	$(call SAY,peer libraries)
	cd test/peers && $(GOTEST) ./...
	$(call SAY,the measuring code of the benchmarks)
	cd test/bench && $(GOTEST) ./rig
	$(call SAY,a generated client)
	cd test/clients && $(GOTEST) ./...
	$(call SAY,the most common faults of a shared storage)
	cd test/faults && $(GOTEST) -parallel 4 -skip '^TestLong' ./...

test-python: ## test the Python verifier and the Python client
	./test/python.sh

test-long: fuzz build parts test-python $(CYCLONEDX_STAMP) ## run the long tests: fuzzing, faults, attacks, other languages; 30 minutes
	$(call SAY,random secrets$(comma) millions in all)
	SECRET_TEST_SAMPLES=100000 $(GO) test -count=1 -timeout 30m -run '^TestAcceptsRandomSecrets$$' ./domain/secret
	$(call SAY,killed writers of keysets)
	KEYSET_TEST_KILLS=1000 $(GO) test -count=1 -v -timeout 30m -run '^TestLong' ./adapters/keys/keyset
	$(call SAY,the whole service$(comma) with the race detector)
	$(GOTEST) -race $(SUITES)
	$(call SAY,an access log of 1 GB)
	TUNING_TEST_LOG_MB=1000 $(GOTEST) -count=1 -v -run '^TestALogStreams$$' ./test/e2e/tuning
	$(call SAY,every alert fires and clears in a Prometheus)
	$(GOTEST) -run '^TestLong' ./test/watch
	$(call SAY,the previous version beside this one)
	$(GOTEST) ./test/upgrade
	$(call SAY,a storage on SQLite)
	cd test/storage && $(GOTEST) ./...
	$(call SAY,every fault of a shared storage)
	cd test/faults && $(GO) test -race -parallel 4 -count=1 -v -timeout 30m ./...
	$(call SAY,a minute of load with operations and faults)
	cd test/soak && $(GO) test -vet=off -count=1 -v -timeout 10m ./...
	$(call SAY,examples of deployment$(comma) and the release and the images$(comma) built twice)
	cd test/deploy && $(GO) test -vet=off -count=1 -timeout 30m ./...
	$(call SAY,attacks on the built service)
	$(GO) build -o .build/siege ./test/siege
	.build/siege -outcomes -calm 1s -attack 3s .build/sessiond
	$(call SAY,generated requests)
	./test/schemathesis.sh
	$(call SAY,typed TypeScript client)
	./test/typescript.sh
	$(call SAY,session client in TypeScript)
	./test/clients-typescript.sh
	$(call SAY,proofs of device keys by other libraries$(comma) and ours checked by one)
	./test/proofs.sh
	$(call SAY,syntax of the session client in Swift)
	./test/clients-swift.sh
	$(call SAY,session clients of the documentation$(comma) and a browser)
	./test/languages.sh

check: verify lint vulnerabilities ## check generated code, modules, formatting, lint, vulnerabilities

lint: $(GOLANGCI_STAMP) ## run vet and the linters of .golangci.yml in every module
	@for module in . $(MODULES); do echo "== lint $$module"; \
		(cd $$module && $(GO) vet ./... && $(CURDIR)/$(GOLANGCI) run --allow-parallel-runners ./...) || exit 1; done

$(GOLANGCI_STAMP):
	$(call SAY,building the linter$(comma) once)
	@mkdir -p .tools
	GOBIN=$(CURDIR)/.tools $(GO) install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(GOLANGCI_VERSION)
	@touch $@

vulnerabilities: $(GOVULNCHECK_STAMP) ## run govulncheck, if its database can be reached
	@./test/vulnerabilities.sh $(GOVULNCHECK)

$(GOVULNCHECK_STAMP):
	$(call SAY,building govulncheck$(comma) once)
	@mkdir -p .tools
	GOBIN=$(CURDIR)/.tools $(GO) install golang.org/x/vuln/cmd/govulncheck@$(GOVULNCHECK_VERSION)
	@touch $@

parts: ## install the servers that tests start
	./test/parts.sh

generate: ## write the mocks and the client in test/clients anew
	$(GO) generate ./...
	cd test/clients && $(GO) generate ./...

verify: ## fail if generated code, a go.mod or formatting is out of date
	./test/verify.sh $(MODULES)

fuzz: ## run each fuzz target for FUZZTIME (6s)
	./test/fuzz.sh $(FUZZTIME)

bench: parts ## measure sessiond and its peers; writes README.md, performance.md
	cd test/bench && $(GO) run ./compare -table $(CURDIR)/cmd/sessiond/docs/performance.md -short $(CURDIR)/README.md
	cd test/bench && $(GO) run ./scale -page $(CURDIR)/cmd/sessiond/docs/performance.md

bench-bound: parts ## measure bound sessions; writes bound.md
	cd test/bench && $(GO) test -count=1 -v -timeout 30m ./bound -installations 1000000 \
		-page $(CURDIR)/cmd/sessiond/docs/bound.md

bench-check: parts ## fail if a ratio is 15% worse than in test/bench/results.json
	cd test/bench && $(GO) run ./compare -check

siege: build parts ## attack the service; writes threat-model.md, operations.md
	$(GO) build -o .build/siege ./test/siege
	.build/siege -table cmd/sessiond/docs/threat-model.md -sizing cmd/sessiond/docs/operations.md .build/sessiond

faults: parts ## measure every fault of a shared storage; writes limits.md
	cd test/faults && FAULTS_TABLE=$(CURDIR)/cmd/sessiond/docs/limits.md $(GO) test -run '^$$' -bench . -benchtime 1x -timeout 60m ./...

soak: parts ## ten minutes of load and faults; writes performance.md, soak.svg
	cd test/soak && $(GO) test -count=1 -v -timeout 30m . -duration 10m -rate 200 \
		-page $(CURDIR)/cmd/sessiond/docs/performance.md -plot $(CURDIR)/cmd/sessiond/docs/soak.svg

fleets: ## simulate crowds and attackers; writes limits.md
	$(GO) test -count=1 -run '^TestTables$$' ./test/fleets -update
