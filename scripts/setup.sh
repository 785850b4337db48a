# Shared by run.sh and test.sh: the Debian packages, and how the tree is configured. Sourced, never run.
# The second call is quick and needs no network: packages are asked for with dpkg-query first.

# What building needs.
build_packages=(
    cmake ninja-build g++ pkg-config
    libboost1.81-dev libboost-json1.81-dev libcli11-dev libspdlog-dev libfmt-dev
    libpcre2-dev libutf8proc-dev libssl-dev
    libvulkan-dev glslc
)
# What testing needs besides: test libraries, clang 19 for formatting, sanitizers and fuzzing, the clients, a
# Vulkan device in software with the layer that watches its use, and an ARM processor in software with its compiler.
test_packages=(
    libgtest-dev libgmock-dev
    clang-19 clang-format-19 clang-tidy-19 libclang-rt-19-dev
    python3 curl openssl
    mesa-vulkan-drivers vulkan-validationlayers
)
# ARM is its own: there is no cross compiler for it there.
[ "$(uname -m)" = aarch64 ] || test_packages+=(g++-12-aarch64-linux-gnu qemu-user-static)

say() { printf '%s\n' "$*" >&2; }
die() { say "$(basename "$0"): $*"; exit 1; }

# True when node 18 or newer is there, whoever installed it.
have_node() {
    command -v npm > /dev/null && command -v node > /dev/null &&
        [ "$(node -p 'Number(process.versions.node.split(".")[0]) >= 18' 2> /dev/null)" = true ]
}

missing_packages() {
    local package
    for package in "$@"; do
        [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2> /dev/null)" = installed ] || printf '%s\n' "$package"
    done
}

# install_packages NAME...: those that are not installed yet, as root or with sudo.
install_packages() {
    if ! command -v dpkg-query > /dev/null; then
        say "This is not a Debian system; please have these installed: $*"
        return
    fi
    local missing as_root=()
    mapfile -t missing < <(missing_packages "$@")
    [ "${#missing[@]}" -gt 0 ] || return 0
    if [ "$(id -u)" -ne 0 ]; then
        command -v sudo > /dev/null || die "these packages are missing, and there is no sudo: ${missing[*]}"
        as_root=(sudo)
    fi
    say "Installing ${#missing[@]} Debian packages: ${missing[*]}"
    local log
    log=$(mktemp)
    if ! "${as_root[@]}" apt-get update > "$log" 2>&1 ||
        ! "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
            apt-get install --yes --no-install-recommends "${missing[@]}" >> "$log" 2>&1; then
        tail -n 20 "$log" >&2
        rm -f "$log"
        die "apt-get could not install: ${missing[*]}"
    fi
    rm -f "$log"
}

cores() { nproc 2> /dev/null || echo 2; }

# build FOLDER [OPTIONS of cmake --build]: on a terminal one line that counts up; elsewhere the compiler's words only
# when something fails.
build() {
    local folder=$1
    shift
    if [ -t 2 ]; then
        NINJA_STATUS='  [%f of %t] ' cmake --build "$folder" --parallel "$(cores)" "$@" >&2 || die "building failed"
    else
        run_quietly "building" cmake --build "$folder" --parallel "$(cores)" "$@"
    fi
}

# run_quietly WHAT COMMAND...: shows the command's output only when it fails.
run_quietly() {
    local what=$1 log
    shift
    log=$(mktemp)
    if ! "$@" > "$log" 2>&1; then
        cat "$log" >&2
        rm -f "$log"
        die "$what failed"
    fi
    rm -f "$log"
}
