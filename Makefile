# The menu. Every target does its own set-up; `make demo` and `make test` are all that a newcomer needs.
.DEFAULT_GOAL := help
TARGET := $(or $(CARGO_TARGET_DIR),$(CURDIR)/target)
# What tests sent to Bedrock and gave to clients; the client tests hold it against AWS's service model and the SDKs.
RECORDS := $(TARGET)/tmp
.PHONY: help demo check test clients deny bench bench-gateway bench-ledger bench-reports bench-keys soak pgo fuzz fmt

help:            ## This list
	@grep -E '^[a-z-]+: .*##' $(MAKEFILE_LIST) | sed -E 's/: .*## /\t/' | expand -t 16

demo:            ## Build, start the gateway with its simulator, and talk to a model
	cargo run --quiet --package stonegate -- demo

check:           ## Format, lints, structure, unit tests: the inner loop
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --quiet -- -D warnings
	cargo xtask tidy
	rm -f $(RECORDS)/bedrock-*.jsonl $(RECORDS)/answers-*.lines
	bash xtask/postgres.sh run cargo test --workspace --quiet

test: check deny clients  ## All tests, with all set-up: `check`, licences and bans, real clients

clients:         ## The real Claude Code and the vendors' SDKs against the binary
	cargo build --quiet --package stonegate
	STONEGATE_BIN=$(TARGET)/debug/stonegate STONEGATE_RECORDS=$(RECORDS) bash tests/clients/run.sh

deny:            ## Licences, sources and banned dependencies
	bash xtask/deny.sh

bench: bench-gateway bench-ledger bench-reports bench-keys ## All of them, one after the other; see docs/performance.md

bench-gateway: pgo  ## Ratios to a bare proxy in the same run, of the profile-guided build
	bash bench/run.sh --stonegate $(TARGET)/pgo/stonegate

bench-ledger:    ## The book alone, and settled calls per second through each store
	cargo bench --quiet --package stonegate-ledger
	bash xtask/postgres.sh run cargo bench --quiet --package stonegate-store --bench sync

soak:            ## HISTORIES (100000) of the ledger; servers and PostgreSQL killed under load for SOAK_SECONDS (600)
	PROPTEST_CASES=$${HISTORIES:-100000} cargo test --release --package stonegate-ledger --test properties -- --nocapture
	SOAK_SECONDS=$${SOAK_SECONDS:-600} cargo test --package stonegate --test fleet -- --nocapture

bench-reports:   ## Reports over STONEGATE_BENCH_CALLS (1000000) calls, on SQLite and PostgreSQL
	bash xtask/postgres.sh run cargo bench --quiet --package stonegate-store --bench reports

bench-keys:      ## Starting with 100,000 keys, and telling callers by them, on SQLite and PostgreSQL
	bash xtask/postgres.sh run cargo bench --quiet --package stonegate-server --bench keys

pgo:             ## A release build optimised by what a benchmark run counted: target/pgo/stonegate
	bash bench/pgo.sh

fuzz:            ## A minute of each fuzz target (needs cargo-fuzz and a nightly toolchain)
	bash crates/protocol/fuzz/run.sh

fmt:             ## Format everything
	cargo fmt --all
