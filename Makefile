# `make` prints what there is. Arguments go through ARGS, for example: make dev ARGS='-f my.yaml --port 9000'
# Node 24 comes from npm into node_modules: first on PATH here and in npm scripts, so the machine's own Node may be older.
export PATH := $(CURDIR)/node_modules/.bin:$(PATH)
.DEFAULT_GOAL := help
.PHONY: help setup dev bitcoin test e2e check generate format bench build image cluster cluster-down release install uninstall clean image-is-named

IMAGE ?= millrace:dev
example := $(if $(filter -f --filename --filename=% -h --help,$(ARGS)),,-f examples/hello)

help: ## print this list
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

setup: node_modules/.package-lock.json ## install what npm brings, Node 24 included (needs Node.js 20 or newer and npm)

# npm writes this file last, so it is older than package-lock.json exactly when npm ci is due.
node_modules/.package-lock.json: package-lock.json
	@test/env/need node npm
	npm ci
	@touch $@

dev: setup ## run Brokers and Triggers on this machine, with examples/hello or ARGS='-f FILE|DIR ...'
	@exec node src/main.ts dev $(example) $(ARGS)

bitcoin: setup ## run examples/bitcoin: transactions, a classifier that replies, the page (ARGS go to millrace dev)
	@exec node src/main.ts dev -f examples/bitcoin $(ARGS)

test: setup ## run all tests, on a real Kafka, Kubernetes API, Prometheus and browser too (needs Java 17, Maven, Go 1.26, Python 3.10); ARGS go to vitest
	@test/env/need java mvn python3 flock setsid openssl curl
	@test/env/need chromium 2>/dev/null || test/env/install browser
	@test/env/need prometheus promtool 2>/dev/null || test/env/install prometheus
	@test/env/kube/build api
	@test/interop/build >/dev/null
	vitest run $(ARGS)

check: setup ## format, lint, types, import law, generated files, dead code
	npm run --silent check:format
	npm run --silent check:lint
	npm run --silent check:types
	npm run --silent check:fences
	npm run --silent check:generated
	npm run --silent check:dead-code

generate: setup ## rewrite crds/ from the schemas, and docs/reference from the code
	npm run --silent generate

format: setup ## rewrite files the way `make check` wants them
	npm run --silent format

bench: build ## measure, each figure beside its raw limit in the same run (ARGS name benches)
	@node bench/main.ts $(ARGS)

build: setup ## compile to dist/, what the image runs
	rm -rf dist
	npm run --silent build

image: ## build the container image (IMAGE=millrace:dev), with Docker or else with buildah as in test/env/image
	@if docker info >/dev/null 2>&1; then docker build --build-arg SOURCE_DATE_EPOCH=0 -t $(IMAGE) .; else test/env/image build -t $(IMAGE) .; fi

e2e: setup ## test in a whole Kubernetes cluster: one made here (Debian 12, root, Go 1.26), or KUBECONFIG's (test/e2e/README.md)
	vitest run --config vitest.e2e.config.ts $(ARGS)

cluster: ## start that cluster, to look around or for several runs of e2e (Debian 12, root, Go 1.26)
	@test/env/cluster-up

cluster-down: ## stop and remove that cluster
	@test/env/cluster-down

# What no registry has would be installed, and its pods would wait for it.
image-is-named:
	$(if $(filter file,$(origin IMAGE)),$(error say which image: make $(MAKECMDGOALS) IMAGE=registry.example.com/millrace:1.0))

release: image-is-named setup ## write dist/millrace.yaml, all of Millrace in one file for kubectl apply (IMAGE=registry/millrace:1.0)
	@test/env/need kubectl
	@mkdir -p dist
	config/render $(IMAGE) >dist/millrace.yaml
	@echo "dist/millrace.yaml installs $(IMAGE)"

install: image-is-named setup ## install into the cluster of the current kubeconfig (IMAGE=registry/millrace:1.0)
	@test/env/need kubectl
	@node src/main.ts preflight
	config/install $(IMAGE)
	kubectl rollout status deployment/millrace-controller -n knative-eventing --timeout=180s
	@echo 'Next: say where Kafka is (docs/operations.md)'

uninstall: ## remove Millrace from that cluster (ARGS='--keep-topics' or '--delete-topics' when there are Brokers)
	@test/env/need kubectl
	config/uninstall $(ARGS)

clean: ## remove what was built or installed here
	rm -rf dist coverage test-artefacts node_modules
