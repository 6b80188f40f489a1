# Everything that one types in this repository. `make help` lists it.
SHELL := /bin/bash
export CGO_ENABLED := 0
GO       ?= go
FUZZTIME ?= 30s
# The majors of PostgreSQL that tests run against; make test MAJORS="14 18" chooses.
MAJORS   ?= 15 18
RELEASE  ?= $(shell git describe --tags --always --dirty 2>/dev/null)
DEPS     := proxy/testenv/deps.sh
PLUGINS  := $(notdir $(patsubst %/,%,$(dir $(wildcard plugins/*/plugin_wasm.go plugins/*/main.go))))
SOURCES  := $(shell find proxy plugins sdk policies -name '*.go' -o -name '*.html' -o -name '*.json' -o -name '*.css' -o -name '*.js' -o -name '*.rego' -o -name '*.tmpl' 2>/dev/null | grep -v node_modules) go.mod go.sum

# What a target needs is installed before it is built; each step uses all processors by itself.
.NOTPARALLEL:
.PHONY: help build plugins assets node demo demo-check demo-crewai test test-all check bench bench-audit bench-plugins bench-policy mask-conformance fuzz fmt lint clean deps

help: ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*##/\t/' | expand -t 16

build: bin/sluice plugins ## bin/sluice and the shipped plugins as bin/plugins/*.wasm

bin/sluice: $(SOURCES) | assets
	$(GO) build -trimpath -ldflags='-X main.release=$(RELEASE)' -o $@ ./proxy/cmd/sluice

plugins: $(PLUGINS:%=bin/plugins/%.wasm)

bin/plugins/%.wasm: $(SOURCES)
	@mkdir -p bin/plugins
	GOOS=wasip1 GOARCH=wasm $(GO) build -buildmode=c-shared -trimpath -ldflags='-s -w' -o $@ ./plugins/$*

assets: ## front-end libraries of the console, from npm
	@bash proxy/console/build.sh

node:
	@bash $(DEPS) node

deps: ## install what tests and the demo need: PostgreSQL 15 and 18, clients, a browser
	@bash $(DEPS) all $(MAJORS:%=postgres-%)

demo: node build ## the tour, narrated; leaves a playground until Ctrl-C
	@bash $(DEPS) postgres
	$(GO) run ./proxy/testenv/demo

demo-check: node build ## the tour as a check: fails unless every scene was seen
	@bash $(DEPS) postgres browser
	$(GO) run ./proxy/testenv/demo -check

demo-crewai: node build ## a real crew with a real database; CHECK=1: unattended
	@bash $(DEPS) postgres crewai
	$(GO) run ./proxy/testenv/demo -crewai $(if $(CHECK),-check)

test: node build ## all tests, on real servers (PostgreSQL 15 and 18), with what they need installed first
	@bash $(DEPS) postgres $(MAJORS:%=postgres-%) redis python browser corpus wasm
	SLUICE_POSTGRES_MAJORS="$(MAJORS)" $(GO) test -timeout $(TIMEOUT) ./...
	SLUICE_POSTGRES_SERVER=$(lastword $(MAJORS)) $(GO) test -timeout $(TIMEOUT) ./proxy/protocol/postgres/conformance
	bin/sluice policy test policies

# What test-all says here is for test, which it runs first, too.
TIMEOUT := 20m
test-all: MAJORS := 14 15 16 17 18
test-all: TIMEOUT := 90m
test-all: export SLUICE_CRASH_ROUNDS ?= 1000
test-all: test mask-conformance ## the same on PostgreSQL 14 to 18 and for longer, then with the race detector, which needs cgo
	for m in $(MAJORS); do SLUICE_POSTGRES_SERVER=$$m $(GO) test -timeout $(TIMEOUT) ./proxy/protocol/postgres ./proxy/protocol/postgres/conformance || exit 1; done
	@bash $(DEPS) race
	CGO_ENABLED=1 SLUICE_POSTGRES_MAJORS=18 SLUICE_CRASH_ROUNDS=50 $(GO) test -race -timeout 60m ./proxy/... ./sdk/... ./plugins/...

# The fast loop leaves out what starts real servers or takes its time: make test has it.
SLOW := sdk|protocol/postgres|protocol/redis|facts|lineage|catalog|audit|console|meter|plugin|policy|testenv|server|oidc
check: lint ## the fast loop: format, vet, lint, unit tests
	$(GO) build ./... && $(GO) test -short -timeout 110s $$($(GO) list ./... | grep -vE '/($(SLOW))$$')

lint: ## format, vet and lint
	@test -z "$$(gofmt -l proxy plugins sdk policies)" || { gofmt -l proxy plugins sdk policies; echo "not formatted: make fmt"; exit 1; }
	$(GO) vet ./...
	@bash $(DEPS) lint
	$$($(GO) env GOPATH)/bin/golangci-lint run ./...

fmt: ## format Go and HCL
	gofmt -w proxy plugins sdk policies
	@$(GO) run ./proxy/cmd/sluice fmt configs

mask-conformance: ## the masking proof: VIA=… DIRECT=… for any gateway; without them a scratch one; ARGS="-seed 7 -o json"
	@$(if $(VIA),true,bash $(DEPS) postgres)
	@VIA="$(VIA)" DIRECT="$(DIRECT)" $(GO) run ./proxy/testenv/conformance $(ARGS)

bench: build ## the table of ratios, measured side by side in one run
	@bash $(DEPS) postgres pgbouncer
	$(GO) run ./proxy/testenv/bench

bench-audit: ## the audit log beside the bare disk, measured side by side in one run (DIR: the folder to measure in)
	$(GO) run ./proxy/audit/bench $(if $(DIR),-dir $(DIR))

bench-plugins: ## what fuel costs: plain wazero, fuel and WithCloseOnContextDone by turns, for each language; a call's host side
	@bash $(DEPS) wasm
	$(GO) run ./proxy/plugin/bench $(if $(TIME),-time $(TIME))

bench-policy: ## what a decision costs, evaluated and cached, for 10, 100 and 1,000 rules; TIME=10s measures longer
	$(GO) run ./proxy/policy/bench $(if $(TIME),-time $(TIME))

fuzz: ## each fuzz target for FUZZTIME
	@for p in $$($(GO) list ./proxy/... ./plugins/... ./sdk/...); do \
	  for f in $$($(GO) test -list '^Fuzz' $$p 2>/dev/null | grep ^Fuzz); do \
	    echo "$$p $$f"; $(GO) test -run '^$$' -fuzz "^$$f$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 10x $$p || exit 1; done; done

clean: ## remove what was built
	rm -rf bin
