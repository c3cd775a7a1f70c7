#!/usr/bin/env bash
# Fuzzes: tests/fuzz/run.sh SECONDS TARGET…  (targets: the fuzz_TARGET.cpp beside this file)
# Starts from cases/TARGET and from what earlier runs found (build/fuzz/corpus/TARGET). An input that brings a target
# down lands in build/fuzz/found/TARGET; keep it in cases/TARGET once it is mended.
source "$(dirname "${BASH_SOURCE[0]}")/../../packaging/setup.sh"

[ $# -ge 2 ] && [[ $1 =~ ^[0-9]+$ ]] || fail "usage: tests/fuzz/run.sh SECONDS TARGET…"
seconds=$1
shift
for target in "$@"; do
  [ -e "$ROOT/tests/fuzz/fuzz_$target.cpp" ] || fail "there is no target $target"
done
command -v clang++ >/dev/null ||
  fail "fuzzing needs clang; as root run: apt-get install clang libclang-rt-14-dev libfuzzer-14-dev"

set_up
build fuzz "${@/#/fuzz_}"
export OMP_NUM_THREADS=1
export ASAN_OPTIONS=detect_leaks=0:detect_container_overflow=0:detect_odr_violation=0:allocator_may_return_null=1
for target in "$@"; do
  step "Fuzzing $target for $seconds s"
  corpus=$ROOT/build/fuzz/corpus/$target found=$ROOT/build/fuzz/found/$target
  mkdir -p "$corpus" "$found"
  "$ROOT/build/fuzz/bin/fuzz_$target" -max_total_time="$seconds" -timeout=20 -rss_limit_mb=4096 -max_len=65536 \
    -print_final_stats=1 -artifact_prefix="$found/" "$corpus" "$ROOT/tests/fuzz/cases/$target" ||
    fail "an input brought $target down: see $found"
done
