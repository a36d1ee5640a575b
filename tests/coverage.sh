#!/usr/bin/env bash
# How much of include/aka the tests run: lines and branches, a row a header. Fails where the group
# below has fewer than 95 % of its lines or 85 % of its branches.
#
#   tests/coverage.sh [TEST ...]   of all tests but crash and power_cut, or of these files
#
#   AKA_COVERAGE_MISSING="json gguf"   also lists what is not run in these headers
#
# Needs clang++, llvm-cov and llvm-profdata of one version (Debian: clang llvm; CLANG and LLVM say
# which). Counted is the union over everything that was compiled: a line or one outcome of a
# branch is covered when any instantiation of a template, or the copy of any unit or program, has
# run it. What the compiler has folded (if constexpr, sizeof) is no branch.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# Readers, names and layouts, and what they stand on.
GROUP="span bytes arena path dtype shape box box_list name_index roles role_set layout parts fold
    convention conventions_hf conventions_own conventions_gguf conventions_foreign conventions
    table_text table_layout table_index table_overlaps table_rows table_compiler names
    json metadata raw_file mapped_file store tensor tensor_list numbered_name shard_index
    safetensors gguf checkpoint"

CLANG=${CLANG:-clang++}
find_tool() { # one that is there, without a version in its name first
    compgen -c "$1" | grep -E "^$1(-[0-9]+)?\$" | sort | head -1 || true
}
LLVM=${LLVM:-}
COV=${LLVM:+$LLVM/llvm-cov}
PROFDATA=${LLVM:+$LLVM/llvm-profdata}
COV=${COV:-$(find_tool llvm-cov)}
PROFDATA=${PROFDATA:-$(find_tool llvm-profdata)}
if [ -z "$COV" ] || [ -z "$PROFDATA" ]; then
    echo "coverage.sh: llvm-cov and llvm-profdata are missing (Debian: apt-get install llvm)" >&2
    exit 2
fi

build=build/coverage
cmake -S . -B "$build" -DCMAKE_CXX_COMPILER="$CLANG" -DCMAKE_BUILD_TYPE=None \
    -DCMAKE_CXX_FLAGS="-O0 -fprofile-instr-generate -fcoverage-mapping -DAKA_TEST_SANITIZED=1" \
    -DAKA_HEADER_TESTS=OFF -DAKA_BENCH=OFF >/dev/null
nice -n 5 cmake --build "$build" --parallel 2 >&2

which="--source-file-exclude=*/crash.cpp,*/power_cut.cpp" # they kill their own processes
if [ $# -gt 0 ]; then
    which="$(printf '*/%s.cpp,' "$@")"
    which="--source-file=${which%,}"
fi
rm -rf "$build/profiles"
result=0
LLVM_PROFILE_FILE="$PWD/$build/profiles/%p.profraw" \
    nice -n 5 "$build/tests/aka_tests" "$which" >"$build/tests.log" 2>&1 || result=$?
tail -3 "$build/tests.log"
# Whether they pass is for others to say: this build is slow, and some look at the clock.
grep 'ERROR' "$build/tests.log" || true
if [ "$result" -gt 128 ]; then
    echo "coverage.sh: the tests crashed, see $build/tests.log" >&2
    exit 1
fi
find "$build/profiles" -name '*.profraw' >"$build/profiles.txt"
"$PROFDATA" merge -sparse --input-files="$build/profiles.txt" -o "$build/all.profdata"
"$COV" export "$build/tests/aka_tests" -instr-profile="$build/all.profdata" \
    "$PWD/include/aka" >"$build/coverage.json" 2>/dev/null
# shellcheck disable=SC2086 # words
python3 tests/coverage_table.py "$build/coverage.json" 95 85 "${AKA_COVERAGE_MISSING:-}" $GROUP
