#!/usr/bin/env bash
# A Chromium for the browser test: taken where there is one, installed from Debian where we may, else missed aloud.
set -euo pipefail

for name in chromium chromium-browser google-chrome; do
  if command -v "$name" >/dev/null; then exit 0; fi
done

missed() {
  echo "chromium is not installed and $1: the browser test will be skipped"
  exit 0
}

[ "$(id -u)" = 0 ] || missed "only root may install it (apt-get install chromium)"
command -v apt-get >/dev/null || missed "there is no apt-get here"

echo "installing chromium for the browser test"
export DEBIAN_FRONTEND=noninteractive
log=$(mktemp)
trap 'rm -f "$log"' EXIT
{ apt-get update -qq && apt-get install -y -qq --no-install-recommends chromium; } </dev/null >"$log" 2>&1 ||
  { tail -n 5 "$log"; missed "apt-get could not install it"; }
