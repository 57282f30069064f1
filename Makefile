# `make` prints what there is. Arguments go through ARGS, for example: make dev ARGS='-f my.yaml --port 9000'
# Node 24 comes from npm into node_modules: first on PATH here and in npm scripts, so the machine's own Node may be older.
export PATH := $(CURDIR)/node_modules/.bin:$(PATH)
.DEFAULT_GOAL := help
.PHONY: help setup dev bitcoin test check format bench build image clean

IMAGE ?= millrace:dev
example := $(if $(filter -f --filename --filename=% -h --help,$(ARGS)),,-f examples/hello)

help: ## print this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

setup: node_modules/.package-lock.json ## install what npm brings, Node 24 included (needs Node.js 20 or newer and npm)

# npm writes this file last, so it is older than package-lock.json exactly when npm ci is due.
node_modules/.package-lock.json: package-lock.json
	@test/env/need node npm
	npm ci
	@touch $@

dev: setup ## run Brokers and Triggers on this machine, with examples/hello or ARGS='-f FILE|DIR ...'
	@exec node src/main.ts dev $(example) $(ARGS)

bitcoin: setup ## run examples/bitcoin: transactions, a classifier that replies, the page (ARGS go to millrace dev)
	@exec node examples/bitcoin/run.ts $(ARGS)

test: setup ## run all tests, on a real Kafka too (needs Java 17 or newer and Maven); ARGS go to vitest
	@test/env/need java mvn flock setsid
	vitest run $(ARGS)

check: setup ## format, lint, types, import law, dead code
	npm run --silent check:format
	npm run --silent check:lint
	npm run --silent check:types
	npm run --silent check:fences
	npm run --silent check:dead-code

format: setup ## rewrite files the way `make check` wants them
	npm run --silent format

bench: build ## measure, each figure beside its raw limit in the same run (ARGS name benches)
	@node bench/main.ts $(ARGS)

build: setup ## compile to dist/, what the image runs
	rm -rf dist
	npm run --silent build

image: ## build the container image with Docker (IMAGE=millrace:dev)
	@test/env/need docker
	docker build -t $(IMAGE) .

clean: ## remove what was built or installed here
	rm -rf dist coverage node_modules
