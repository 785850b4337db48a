#!/usr/bin/env bash
# Builds Shimmy and runs every test: unit, conformance and end-to-end tests, damaged files under AddressSanitizer,
# fuzzing, layout and style. Ends with CTest's summary. Arguments go to ctest, e.g. ./test.sh -R Tokenizer
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=scripts/setup.sh
. "$root/scripts/setup.sh"

case ${1-} in
    --help | -h)
        cat << 'TEXT'
Usage: ./test.sh [options of ctest]

Installs missing Debian packages, builds build/release with all tests, and runs them.

  ./test.sh                  everything
  ./test.sh -LE deep         without the sanitizer and fuzzing builds: much quicker
  ./test.sh -R Tokenizer     only tests whose name matches

SHIMMY_TEST_DATA names the folder of shared test data; tests that need it are skipped without it.
SHIMMY_FUZZ_SECONDS sets the time of each fuzz target (60).
TEXT
        exit 0
        ;;
esac

packages=("${build_packages[@]}" "${test_packages[@]}")
have_node || packages+=(nodejs npm)
install_packages "${packages[@]}"

build="$root/build/release"
say "Configuring and building build/release with $(cores) cores"
run_quietly "configuring" cmake --preset release -S "$root" -B "$build" -DSHIMMY_TESTS=ON -DSHIMMY_DEEP_TESTS=ON
build "$build"

[ -n "${SHIMMY_TEST_DATA-}" ] || say "SHIMMY_TEST_DATA is not set: tests that need the shared test data are skipped"
export SHIMMY_REQUIRE_VULKAN=1  # it was installed above: absence is a fault
exec ctest --test-dir "$build" --output-on-failure --no-tests=error --parallel "$(cores)" "$@"
