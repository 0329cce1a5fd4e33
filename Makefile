# Two commands do everything: `make demo` and `make test`.
.PHONY: demo test contract setup check bench soak deb
SHELL := /bin/bash
export GOSHAWK_HOME ?= $(CURDIR)/.goshawk

# A camera, an agent, a coordinator and a subscriber on this machine. DEMO_EVENTS=N ends it after N events.
demo:
	./setup.sh release
	target/release/goshawk demo

# All tests; the end-to-end ones drive the real binaries.
test:
	./setup.sh debug
	cargo test --locked --workspace

# The contract tests and all that is random in full: schemathesis for twenty minutes, a hundred kills, more
# cases. The short forms of all of them are part of `make test`.
contract:
	./setup.sh debug
	GOSHAWK_CONTRACT=full GOSHAWK_CRASH_KILLS=100 PROPTEST_CASES=5000 \
		cargo test --locked --workspace --no-fail-fast

setup:
	./setup.sh release

# What a reviewer would ask for before reading: format, lints, documentation, licences.
check:
	cargo fmt --all --check
	cargo clippy --locked --workspace --all-targets -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --locked --workspace --no-deps --document-private-items
	tests/deny.sh

# Debian packages of the daemons and of the models' tool, in target/debian.
deb:
	cargo build --locked --release -p goshawk-agent -p goshawk-coordinator -p goshawk-models
	for what in agent coordinator models; do packaging/deb.sh $$what || exit 1; done

# All benchmarks, or one: make bench ONLY=agent
bench:
	./setup.sh release
	target/release/goshawk-bench $(ONLY)

# An agent over a long time and many lost cameras: make soak STREAMS=8 MINUTES=30 LOSSES=200
STREAMS ?= 2
MINUTES ?= 10
LOSSES ?= 20
soak:
	./setup.sh release
	target/release/goshawk-soak $(STREAMS) $(MINUTES) $(LOSSES)
