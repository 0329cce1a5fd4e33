#!/usr/bin/env bash
# Licences, sources and banned crates, with `cargo deny`; security advisories where their database
# can be fetched. Says loudly what it could not check.
set -euo pipefail
cd "$(dirname "$0")/.."
if [ "${CI:-}" = true ] && ! cargo deny --version >/dev/null 2>&1; then
  cargo install --locked --version 0.20.2 cargo-deny || true
fi
if ! cargo deny --version >/dev/null 2>&1; then
  echo "SKIPPED: cargo-deny is not installed (cargo install --locked cargo-deny): licences and advisories were not checked"
  exit 0
fi
cargo deny --all-features check bans licenses sources
if ! cargo deny --all-features fetch db >/dev/null 2>&1; then
  echo "SKIPPED: the advisory database cannot be fetched here: security advisories were not checked"
  exit 0
fi
cargo deny --all-features check advisories
