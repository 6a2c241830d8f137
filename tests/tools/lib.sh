# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash
# shellcheck disable=SC2034  # src is for whoever sources this
# For the tests of this directory: a scratch tree ($tree) and two expectations.
set -euo pipefail
export LC_ALL=C

src=${PMEMD_SOURCE_DIR:-$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)}
tree=$(mktemp -d)
trap 'rm -rf "$tree"' EXIT

fail() {
    printf 'FAIL: %s\n' "$*"
    exit 1
}

skip() {
    printf '%s\n' "$*"
    exit 77
}

need_program() { # PROGRAM PACKAGE
    command -v "$1" >/dev/null || skip "$1 is missing: apt-get install $2"
}

# put PATH: writes standard input to a file of the scratch tree.
put() {
    mkdir -p "$tree/$(dirname "$1")"
    cat >"$tree/$1"
}

# expect CODE TEXT COMMAND...: the exit code, and TEXT (a fixed string) in the output.
expect() {
    local want=$1 text=$2 code=0 out
    shift 2
    out=$("$@" 2>&1) || code=$?
    [ "$code" -eq "$want" ] || fail "$* exits $code, not $want: $out"
    grep -qF -- "$text" <<<"$out" || fail "$* does not say '$text': $out"
}
