#!/usr/bin/env bash
# Builds the tests for one platform after the other and runs them there.
#
#   tests/platforms.sh NAME [TEST...]   one platform; only these test files (tests/TEST.cpp)
#   tests/platforms.sh all              all of them; a log of each, and a table for README.md
#   tests/platforms.sh continue         the same, but those that passed at this commit: their logs
#   tests/platforms.sh list             their names
#
# Everything is built in build/platforms/NAME. What is missing is installed from Debian's packages
# (as root), unless AKA_NO_INSTALL=1 is set. AKA_JOBS: how many compilers at once (default: 2).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# ---- the platforms -----------------------------------------------------------------------------
# platform NAME KEY=VALUE... with the keys
#   packages  Debian packages           shown     the compiler and the machine, for the table
#   cxx       the compiler              std       of C++ (default: 17)
#   flags     for compiler and linker   library   of C++ (default: libstdc++)
#   link      for the linker
#   optimise  default: -O1              system    CMAKE_SYSTEM_NAME and _PROCESSOR of another machine
#   run       what starts a program of that machine
#   only      the test files that are built there (default: all)
#   targets   of the build (default: all)
#   skip      ctest entries that are not run, with | between them
#   cmake     more for CMake            env       variables while the tests run
declare -A of
names=()
platform() {
    local name=$1 pair
    shift
    names+=("$name")
    for pair; do of[$name.${pair%%=*}]=${pair#*=}; done
}

# What depends on the order of bytes, the size of a word or alignment.
formats='safetensors safetensors_cases gguf gguf_cases gguf_metadata write_safetensors write_gguf'
bytes="bytes box json tensor convert dequantize dequantize_parts parts_golden parts_checkpoints
    convert_tensor validate_blocks $formats checkpoint hparams block_scales llama"
# What depends on the system's files.
files='path mapped_file output_file edit_in_place rename_in_place'
# What a tracer or mounted disks are needed for, or processes that are killed.
slow='crash|power_cut'

platform g++12 packages=g++-12 cxx=g++-12 shown='g++ 12'
# Other languages and libraries are no matter of the optimiser, whose time is most of a build.
platform g++12-c++20 packages=g++-12 cxx=g++-12 shown='g++ 12' std=20 skip="$slow" optimise=-O0
platform clang14 packages='clang-14' cxx=clang++-14 shown='clang 14' std=23 skip="$slow" optimise=-O0
platform clang19 packages='clang-19 libc++-19-dev libc++abi-19-dev' cxx=clang++-19 \
    shown='clang 19' std=23 library=libc++ flags=-stdlib=libc++ skip="$slow" \
    optimise=-O0
# g++ 12 warns there of its own std::string in C++20 and 23, whose appending it inlines.
platform native packages=g++-12 cxx=g++-12 shown='g++ 12' std=23 skip="$slow" \
    optimise='-O3 -march=native' cmake=-DAKA_WERROR=OFF
# On 32 bits the tests, not the headers, have warnings: they make 64-bit numbers sizes.
# Static: qemu-i386 7.2 never returns from starting a thread with glibc's shared libraries.
platform i386 packages='g++-i686-linux-gnu qemu-user' cxx=i686-linux-gnu-g++ \
    shown='g++ 12, 32-bit x86 (qemu)' system='Linux i686' run='qemu-i386 -L /usr/i686-linux-gnu' \
    link=-static cmake=-DAKA_WERROR=OFF optimise=-O0 \
    only="bytes box json tensor checkpoint $formats $files"
platform arm64 packages='g++-aarch64-linux-gnu qemu-user' cxx=aarch64-linux-gnu-g++ \
    shown='g++ 12, arm64 (qemu)' system='Linux aarch64' \
    run='qemu-aarch64 -L /usr/aarch64-linux-gnu' only="$bytes $files"
platform s390x packages='g++-s390x-linux-gnu qemu-user' cxx=s390x-linux-gnu-g++ \
    shown='g++ 12, s390x, big-endian (qemu)' system='Linux s390x' \
    run='qemu-s390x -L /usr/s390x-linux-gnu' only="$bytes"
platform windows packages='g++-mingw-w64-x86-64-posix wine wine64' \
    cxx=x86_64-w64-mingw32-g++-posix shown='g++ 12 (MinGW), Windows (Wine)' system='Windows AMD64' \
    link=-static run=wine optimise=-O0 \
    only="$files safetensors gguf write_safetensors write_gguf checkpoint" \
    env='WINEDEBUG=-all WINEDLLOVERRIDES=mscoree,mshtml='
platform wasm packages='emscripten nodejs' cxx=/usr/bin/em++ shown='Emscripten 3.1 (Node)' \
    library=libc++ flags=-fexceptions run=node only="bytes box json tensor $formats" \
    link='-sNODERAWFS=1 -sALLOW_MEMORY_GROWTH=1 -sEXIT_RUNTIME=1 -sSINGLE_FILE=1 -fexceptions' \
    cmake='-DAKA_WERROR=OFF
        -DCMAKE_TOOLCHAIN_FILE=/usr/share/emscripten/cmake/Modules/Platform/Emscripten.cmake'
platform asan packages='clang-14 libclang-rt-14-dev' cxx=clang++-14 shown='clang 14, ASan + UBSan' \
    std=20 flags='-fsanitize=address,undefined -fno-sanitize-recover=all' skip="$slow" \
    env='ASAN_OPTIONS=detect_stack_use_after_return=1:strict_string_checks=1'
platform no-exceptions packages=clang-14 cxx=clang++-14 std=20 only=error skip=error \
    targets=aka_without_exceptions shown='clang 14, no exceptions, no RTTI'
platform tsan packages='clang-14 libclang-rt-14-dev' cxx=clang++-14 shown='clang 14, TSan' std=20 \
    flags=-fsanitize=thread only='threads checkpoint'
platform msan packages='clang-14 libclang-rt-14-dev' cxx=clang++-14 shown='clang 14, MSan' \
    optimise='-O1 -g1' cmake='-DAKA_TESTS=OFF -DAKA_EXAMPLES=OFF -DAKA_MEMORY_TESTS=ON'
platform valgrind packages='g++-12 valgrind' cxx=g++-12 shown='g++ 12, Valgrind' \
    optimise='-O1 -g1' only="$bytes $files" \
    run='valgrind -q --error-exitcode=99 --leak-check=full --trace-children=no'

# ---- one of them -------------------------------------------------------------------------------
value() { printf '%s' "${of[$1.$2]:-$3}"; } # name, key, default

install_packages() {
    [ -z "${AKA_NO_INSTALL:-}" ] || return 0
    local package missing=()
    for package in cmake ninja-build doctest-dev "$@"; do
        dpkg -s "$package" 2>/dev/null | grep -q '^Status: install ok installed' ||
            missing+=("$package")
    done
    [ "${#missing[@]}" -gt 0 ] || return 0
    echo "apt-get install ${missing[*]}"
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -qq
    apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
}

configure() { # name, test files
    local name=$1 flags system run only more
    read -ra system <<<"$(value "$name" system '')"
    read -ra run <<<"$(value "$name" run '')"
    only=$(value "$name" only '')
    only=${2:-$only}
    read -ra only <<<"${only//$'\n'/ }"
    flags=$(value "$name" flags '')
    local args=(-S . -B "build/platforms/$name" -G Ninja
        -DCMAKE_CXX_COMPILER="$(value "$name" cxx c++)" -DCMAKE_CXX_STANDARD="$(value "$name" std 17)"
        -DCMAKE_CXX_FLAGS="$flags" -DCMAKE_EXE_LINKER_FLAGS="$(value "$name" link '')" -DCMAKE_BUILD_TYPE=RelWithDebInfo
        -DCMAKE_CXX_FLAGS_RELWITHDEBINFO="$(value "$name" optimise -O1)"
        -DAKA_TEST_ONLY="$(IFS=';' && echo "${only[*]}")"
        -DAKA_BENCH=OFF -DAKA_HEADER_TESTS=OFF
        -DAKA_EXAMPLES="$([ "${#only[@]}" = 0 ] && echo ON || echo OFF)")
    # Started for every program, also for those of this machine.
    [ "${#run[@]}" = 0 ] ||
        args+=(-DCMAKE_CROSSCOMPILING_EMULATOR="$(IFS=';' && echo "${run[*]}")")
    [ "${#system[@]}" = 0 ] ||
        args+=(-DCMAKE_SYSTEM_NAME="${system[0]}" -DCMAKE_SYSTEM_PROCESSOR="${system[1]}")
    # doctest alone: /usr/include has headers of this machine as well.
    mkdir -p build/platforms/include
    ln -sfn /usr/include/doctest build/platforms/include/doctest
    args+=(-DAKA_DOCTEST_INCLUDE="$PWD/build/platforms/include")
    more=$(value "$name" cmake '')
    read -ra more <<<"${more//$'\n'/ }"
    cmake "${args[@]}" "${more[@]}"
}

commit() { git describe --always --dirty --match= --abbrev=7; }

# The numbers of one run, from ctest's own logs, which have what every test printed.
summary() { # name, seconds
    local logs=build/platforms/$1/Testing/Temporary failed=0
    [ ! -e "$logs/LastTestsFailed.log" ] || failed=$(wc -l <"$logs/LastTestsFailed.log")
    awk -v name="$1" -v seconds="$2" -v failed="$failed" '
        { gsub(/\033\[[0-9;]*m/, "") } # colours
        / Testing: / { tests++ }
        /^\[doctest\] test cases:/ { gsub(/[^0-9|]/, ""); split($0, n, "|"); cases += n[1] }
        /^skipped: / { skipped++ }
        END { printf "%s: %d tests, %d test cases, %d skipped, %d failed, %d s\n",
                     name, tests, cases, skipped, failed, seconds }
    ' "$logs/LastTest.log"
}

run_platform() { # name, test files
    local name=$1 start=$SECONDS status=0 packages skip targets variables
    [ -n "${of[$name.shown]:-}" ] || {
        echo "there is no platform $name; tests/platforms.sh list" >&2
        return 2
    }
    echo "$name: commit $(commit)"
    read -ra packages <<<"$(value "$name" packages '')"
    install_packages "${packages[@]}"
    configure "$name" "${2:-}"
    read -ra targets <<<"$(value "$name" targets all)"
    cmake --build "build/platforms/$name" --parallel "${AKA_JOBS:-2}" --target "${targets[@]}"
    echo "$name: built in $((SECONDS - start)) s"
    start=$SECONDS
    skip=$(value "$name" skip '')
    skip="^(reference${skip:+|$skip})$" # the gate's: what the headers say, not what they do
    rm -rf "build/platforms/$name/Testing"
    read -ra variables <<<"$(value "$name" env '')"
    env "${variables[@]}" ctest --test-dir "build/platforms/$name" --output-on-failure \
        --no-tests=error --parallel "${AKA_JOBS:-2}" --exclude-regex "$skip" || status=$?
    summary "$name" $((SECONDS - start))
    return $status
}

# ---- all of them -------------------------------------------------------------------------------
# One row of the table, from the log of a run.
row() { # name
    local log=build/platforms/$1.log commit numbers
    commit=$(sed -n "s/^$1: commit //p" "$log")
    numbers=$(sed -n "s/^$1: \([0-9]* tests.* failed\).*/\1/p" "$log" |
        sed 's/ [a-z ]*//g; s/,/ | /g')
    echo "| $1 | $(value "$1" shown '') | $(value "$1" std 17) | $(value "$1" library libstdc++) |" \
        "$commit | ${numbers:-not built | | |} |"
}

# Whether nothing failed in a run at this very commit.
passed() { # name
    local log=build/platforms/$1.log
    [[ -e $log && $(commit) != *dirty ]] && grep -qx "$1: commit $(commit)" "$log" &&
        grep -qE "^$1: [0-9]+ tests, .* 0 failed" "$log"
}

run_all() { # continue: those that passed are not run again
    local name status=0
    mkdir -p build/platforms
    for name in "${names[@]}"; do
        if [ "${1:-}" != continue ] || ! passed "$name"; then
            "${BASH_SOURCE[0]}" "$name" >"build/platforms/$name.log" 2>&1 || status=1
        fi
        row "$name"
    done
    printf '\n%s\n%s\n' \
        '| Platform | Compiler, machine | C++ | Library | Commit | Tests | Cases | Skipped | Failed |' \
        '|---|---|---|---|---|---|---|---|---|'
    for name in "${names[@]}"; do row "$name"; done
    return $status
}

main() {
    case ${1:-} in
        '' | -h | --help) sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//;p}' "${BASH_SOURCE[0]}" ;;
        all | continue) run_all "$1" ;;
        list) printf '%s\n' "${names[@]}" ;;
        *) run_platform "$1" "${*:2}" ;;
    esac
    exit
}
main "$@"
