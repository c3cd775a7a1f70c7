#!/usr/bin/env bash
# Sets Sememe up and runs every test. With --sanitize: the core's tests under AddressSanitizer and UBSan instead.
source "$(dirname "${BASH_SOURCE[0]}")/setup.sh"

case "${1:-}" in
  '') preset=release ;;
  --warnings-as-errors) preset=ci ;;
  --sanitize) preset=asan ;;
  *) fail "unknown option $1 (there are --warnings-as-errors and --sanitize)" ;;
esac

set_up
build "$preset"
folder=$ROOT/build/$preset
[ "$preset" != ci ] || folder=$ROOT/build/release
step "Testing"
ctest --test-dir "$folder" --output-on-failure --no-tests=error -j"$(nproc)"
