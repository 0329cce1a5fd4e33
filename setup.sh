#!/usr/bin/env bash
# Sets up everything that Goshawk needs on Debian 12. Safe to run again: what is there is kept, and
# a second run asks the network for nothing. Usage: ./setup.sh [release|debug]
set -euo pipefail
cd "$(dirname "$0")"
profile=${1:-release}
home=${GOSHAWK_HOME:-.goshawk}

say() { printf '\033[1m[setup]\033[0m %s\n' "$*"; }
fail() { printf '[setup] %s\n' "$*" >&2; exit 1; }

# --- tools that we do not install ourselves -------------------------------------------------------
command -v cargo >/dev/null || fail "cargo is missing: install Rust from https://rustup.rs (1.95 or later)"
python3 -m pip --version >/dev/null 2>&1 || fail "pip is missing: apt-get install python3-pip"
command -v npm >/dev/null || fail "npm is missing: apt-get install npm"

# --- Debian packages ------------------------------------------------------------------------------
packages=(
  build-essential clang cmake libclang-dev nasm pkg-config
  libgstreamer1.0-dev libgstreamer-plugins-base1.0-dev libgstrtspserver-1.0-dev
  gstreamer1.0-plugins-base gstreamer1.0-plugins-good gstreamer1.0-plugins-bad
  gstreamer1.0-plugins-ugly gstreamer1.0-libav
  libavcodec-dev libavdevice-dev libavfilter-dev libavformat-dev libavutil-dev
  libswresample-dev libswscale-dev
)
# The tests of plugins start a broker of their own; without it they say that they were skipped.
if [ "$profile" != release ]; then packages+=(mosquitto mosquitto-clients); fi
missing=()
for package in "${packages[@]}"; do
  dpkg-query -W -f='${db:Status-Abbrev}' "$package" 2>/dev/null | grep -q '^ii' || missing+=("$package")
done
if [ ${#missing[@]} -gt 0 ]; then
  command -v apt-get >/dev/null || fail "not a Debian system: install what corresponds to: ${missing[*]}"
  root=()
  if [ "$(id -u)" != 0 ]; then
    command -v sudo >/dev/null || fail "run as root: apt-get install ${missing[*]}"
    root=(sudo)
  fi
  say "installing ${#missing[@]} Debian packages: ${missing[*]}"
  "${root[@]}" apt-get update -q || fail "apt-get update failed: is the package mirror within reach?"
  "${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "${missing[@]}" \
    || fail "apt-get install failed; run it by hand to see why: apt-get install ${missing[*]}"
  # Debian starts the broker as a service, which nobody asked for.
  if [[ " ${missing[*]} " == *" mosquitto "* ]] && command -v systemctl >/dev/null; then
    "${root[@]}" systemctl disable --now mosquitto >/dev/null 2>&1 || true
  fi
else
  say "Debian packages: all there"
fi

# --- our own programs, the models and the demo's clip -----------------------------------------------
# One cargo call for everything: another selection of packages would unite other features, and so
# compile the dependencies once more.
if [ "$profile" = release ]; then
  flags=(--release --bins)
else
  flags=(--all-targets)
fi
say "building ($profile); the first time takes some minutes"
cargo build --locked --workspace "${flags[@]}"

# What `make test` holds the services against their contract with; see tests/contract.
if [ "$profile" = debug ]; then
  venv="$home/contract/venv"
  if ! cmp -s tests/contract/requirements.txt "$venv/installed.txt"; then
    say "contract tools"
    rm -rf "$venv"
    # Without pip of its own, so that Debian's python3-venv is not needed.
    python3 -m venv --without-pip "$venv"
    python3 -m pip --python "$venv/bin/python" install -q --disable-pip-version-check --require-hashes \
      -r tests/contract/requirements.txt || fail "the contract tools could not be installed: is PyPI within reach?"
    cp tests/contract/requirements.txt "$venv/installed.txt"
  fi
fi

say "models and runtime"
"target/$profile/goshawk-models" install --home "$home"

portraits="$home/clip/portraits"
camera="target/$profile/goshawk-camera"
# Under other names until they are whole, so that an interrupted run leaves nothing half-made.
if [ ! -f "$home/clip/demo.mp4" ]; then
  say "generating the demo clip (a minute or so)"
  "$camera" make-clip --portraits "$portraits" --out "$home/clip/part.mp4" --truth "$home/clip/part.jsonl"
  mv "$home/clip/part.jsonl" "$home/clip/demo.truth.jsonl"
  mv "$home/clip/part.mp4" "$home/clip/demo.mp4"
fi
enrol="$home/clip/enrol/Eileen Collins.jpg"
if [ ! -f "$enrol" ]; then
  mkdir -p "$home/clip/enrol"
  "$camera" enrol-photo --portraits "$portraits" --out "$home/clip/part.jpg"
  mv "$home/clip/part.jpg" "$enrol"
fi
say "ready"
