# What can be done in this repository. Nothing but Go and git is needed for `make test` and `make build`.

GO      ?= go
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)
# How long each fuzz target runs, and each benchmark.
FUZZTIME  ?= 10s
BENCHTIME ?= 1s
# More for the bench program, such as BENCH='-rows 10000 -parts throughput'.
BENCH     ?=

.DEFAULT_GOAL := help
.PHONY: help test race lint vet fmt fuzz bench build generate check editors

help: ## Say what can be done (this text)
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

test: ## Run all tests, and say at the end which optional checks were left out
	$(GO) test ./...
	@echo; echo "All tests passed. Left out here:"
	@echo "  the race detector's run       make race   (needs a C compiler)"
	@echo "  fuzzing of every reader       make fuzz"
	@if command -v golangci-lint >/dev/null 2>&1; \
		then echo "  the linters                   make lint"; \
		else echo "  the linters                   make lint   (needs golangci-lint, which is not installed)"; fi
	@command -v initdb >/dev/null 2>&1 || ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || \
		echo "  audiences in PostgreSQL       (needs the server; Debian's package is postgresql)"
	@command -v mariadbd >/dev/null 2>&1 || [ -x /usr/sbin/mariadbd ] || \
		echo "  audiences in MySQL            (needs a server; Debian's package is mariadb-server)"
	@command -v curl >/dev/null 2>&1 || \
		echo "  what docs/api.md has you type (needs curl, which is not installed)"
	@if command -v npm >/dev/null 2>&1; \
		then echo "  schemas in a real editor      make editors"; \
		else echo "  schemas in a real editor      make editors   (needs node and npm, which are not installed)"; fi
	@command -v systemd-analyze >/dev/null 2>&1 || \
		echo "  schedules beside systemd      (needs systemd-analyze, which is not installed)"

# SQLite is C, translated to Go: watching every step of it costs seven times the rest and finds nothing of ours.
UNWATCHED = -gcflags=modernc.org/sqlite/lib=-race=false -gcflags=modernc.org/libc/...=-race=false -gcflags=modernc.org/memory/...=-race=false

race: ## Run all tests under the race detector, properties on fewer examples (needs a C compiler)
	$(GO) test -race -short -timeout 15m $(UNWATCHED) ./...

lint: ## Run the linters of .golangci.yml; without golangci-lint this is skipped, and on CI an error
	@if command -v golangci-lint >/dev/null 2>&1; then golangci-lint run; \
	elif [ "$$CI" = true ]; then echo "lint: golangci-lint is not installed" >&2; exit 1; \
	else echo "lint: SKIPPED, golangci-lint is not installed; .ci/run says which version and how"; fi

editors: ## Check the schemas with the language server that editors run (fetched by npm); without npm this is skipped, and on CI an error
	@if ! command -v npm >/dev/null 2>&1 || ! command -v node >/dev/null 2>&1; then \
		if [ "$$CI" = true ]; then echo "editors: node and npm are not installed" >&2; exit 1; fi; \
		echo "editors: SKIPPED, node and npm are not installed"; exit 0; fi; \
	set -e; scratch=$$(mktemp -d); trap 'rm -rf "$$scratch"' EXIT; cp .ci/editors/package.json .ci/editors/package-lock.json "$$scratch"; \
	(cd "$$scratch" && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error); \
	YAML_LANGUAGE_SERVER="$$scratch/node_modules/yaml-language-server/bin/yaml-language-server" $(GO) test -count=1 -run 'TestEditor' ./internal/cli

vet: ## Run go vet
	$(GO) vet ./...

fmt: ## Format every Go file
	gofmt -l -w $$(git ls-files --cached --others --exclude-standard '*.go')

# A target whose time is up can fail by "context deadline exceeded" alone, although nothing was found: golang/go#75804,
# mended in Go 1.27. What is found is written down as a failing input.
fuzz: ## Fuzz each target for FUZZTIME (10s)
	@set -e; scratch=$$(mktemp -d); trap 'rm -rf "$$scratch"' EXIT; \
	$(GO) list -f '{{.Dir}}' ./... | while read -r dir; do \
		grep -hos 'func Fuzz[A-Za-z0-9_]*' "$$dir"/*_test.go | cut -d' ' -f2 | sort -u | while read -r target; do \
			echo "fuzz $$dir $$target"; rm -f "$$scratch/passed"; \
			{ (cd "$$dir" && $(GO) test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) . </dev/null) 2>&1 && \
				touch "$$scratch/passed"; } | tee "$$scratch/said"; \
			if [ ! -e "$$scratch/passed" ]; then \
				if grep -qx '    context deadline exceeded' "$$scratch/said" && ! grep -q 'Failing input written' "$$scratch/said"; \
				then echo "fuzz $$target: its time was up, and nothing was found"; else exit 1; fi; fi; \
		done; \
	done

bench: build ## Measure throughput, memory, start, plans and the daemon beside a plain program, then run the benchmarks; prints numbers, judges none
	$(GO) run ./internal/bench -youmiflow $(CURDIR)/bin/youmiflow $(BENCH)
	$(GO) test -run '^$$' -bench . -benchmem -benchtime $(BENCHTIME) ./...

build: ## Build bin/youmiflow
	$(GO) build -trimpath -ldflags "-s -w -X main.version=$(VERSION)" -o bin/youmiflow ./cmd/youmiflow

generate: ## Make again what is made: the API's types and table from openapi.yaml, and the example's list of customers
	$(GO) run ./internal/youmi/generate
	$(GO) run ./examples/double11/generate > examples/double11/audience.csv.new
	mv examples/double11/audience.csv.new examples/double11/audience.csv

check: vet lint test ## Everything a change must pass before it is pushed, but for the slow parts
	@test -z "$$(gofmt -l $$(git ls-files '*.go'))" || { gofmt -l $$(git ls-files '*.go'); echo "make fmt puts this right" >&2; exit 1; }
