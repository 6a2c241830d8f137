# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash
# Shared by the programs in this directory; source it, it runs nothing. Each function says what
# it prints and when it ends the program. Exit 3 = this host cannot, with a sentence how to
# fix it.

repo_root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
export LC_ALL=C
unset CDPATH

say() {
    printf '%s\n' "$*"
}

# A progress line, on standard error so that pipes see results only.
step() {
    printf '==> %s\n' "$*" >&2
}

warn() {
    printf '%s: %s\n' "${0##*/}" "$*" >&2
}

# die CODE SENTENCE
die() {
    local code=$1
    shift
    warn "$*"
    exit "$code"
}

# ---- packages ---------------------------------------------------------------------------------

# packages_of KIND...: the names listed under these kinds in scripts/packages.
packages_of() {
    local kind
    for kind in "$@"; do
        awk -v kind="$kind" '$1 == kind { print $2 }' "$repo_root/scripts/packages"
    done | sort -u
}

package_installed() {
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

# as_root_prefix: prints nothing for root, "sudo" where sudo works; fails where neither.
as_root_prefix() {
    if [ "$(id -u)" -eq 0 ]; then
        return 0
    fi
    command -v sudo >/dev/null || return 1
    sudo -n true 2>/dev/null || { [ -t 0 ] && sudo -v; } || return 1
    echo sudo
}

# need_packages KIND...: installs what is missing. Nothing missing = no apt call at all.
# Missing and no way to become root = the one line to run, exit 3.
need_packages() {
    local name missing=() prefix
    command -v dpkg-query >/dev/null ||
        die 3 "this host has no dpkg; on Debian 12 the packages are: $(packages_of "$@" | xargs)"
    for name in $(packages_of "$@"); do
        package_installed "$name" || missing+=("$name")
    done
    [ ${#missing[@]} -gt 0 ] || return 0
    if ! prefix=$(as_root_prefix); then
        warn "packages are missing and this is not root; run:"
        say "apt-get install -y --no-install-recommends ${missing[*]}"
        exit 3
    fi
    step "installing ${#missing[@]} packages: ${missing[*]}"
    apt_install "$prefix" "${missing[@]}" ||
        die 3 "apt-get could not install the packages; run it by hand to see why:" \
            "apt-get install -y --no-install-recommends ${missing[*]}"
}

# apt_install PREFIX NAME...: quiet unless it fails.
apt_install() {
    local prefix=$1 log
    shift
    log=$(mktemp)
    local options=(-q -y -o Acquire::Retries=3 -o DPkg::Lock::Timeout=300)
    if $prefix env DEBIAN_FRONTEND=noninteractive apt-get "${options[@]}" update \
        >"$log" 2>&1 </dev/null &&
        $prefix env DEBIAN_FRONTEND=noninteractive apt-get "${options[@]}" install \
            --no-install-recommends "$@" >>"$log" 2>&1 </dev/null; then
        rm -f "$log"
        return 0
    fi
    tail -n 20 "$log" >&2
    rm -f "$log"
    return 1
}

# ---- huge pages -------------------------------------------------------------------------------

hugepages_old=
hugepages_file=

# The value in /proc/meminfo of one key, in its own unit (pages or kB).
meminfo() {
    awk -v key="$1:" '$1 == key { print $2; exit }' /proc/meminfo
}

# hugepages_control: prints the file that sets the number of 2 MiB pages.
hugepages_control() {
    if [ "$(meminfo Hugepagesize)" = 2048 ]; then
        echo /proc/sys/vm/nr_hugepages
    else
        echo /sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages
    fi
}

# 2 MiB pages that are neither used nor promised to somebody.
hugepages_free() {
    local dir=/sys/kernel/mm/hugepages/hugepages-2048kB
    if [ -r $dir/free_hugepages ]; then
        echo $(($(cat $dir/free_hugepages) - $(cat $dir/resv_hugepages)))
    elif [ "$(meminfo Hugepagesize)" = 2048 ]; then
        echo $(($(meminfo HugePages_Free) - $(meminfo HugePages_Rsvd)))
    else
        echo 0
    fi
}

# hugepages_write VALUE: true if the kernel took it (maybe fewer than asked for).
hugepages_write() {
    if [ -w "$hugepages_file" ]; then
        { echo "$1" >"$hugepages_file"; } 2>/dev/null
    else
        command -v sudo >/dev/null && sudo -n true 2>/dev/null &&
            echo "$1" | sudo -n tee "$hugepages_file" >/dev/null 2>&1
    fi
}

# hugepages_want COUNT: makes COUNT 2 MiB pages free, raising nr_hugepages only if it must.
# Says what it did. Where it is refused it says so and returns 0: pmemd then steps down to
# smaller pages by itself. Put hugepages_restore into the EXIT trap before calling.
hugepages_want() {
    local want=$1 free old new spare_kb
    free=$(hugepages_free)
    if [ "$free" -ge "$want" ]; then
        say "huge pages: $free of 2 MiB are free, $want needed; nr_hugepages stays as it is"
        return 0
    fi
    hugepages_file=$(hugepages_control)
    if ! old=$(cat "$hugepages_file" 2>/dev/null); then
        say "huge pages: this kernel offers none of 2 MiB; going on with smaller pages"
        return 0
    fi
    spare_kb=$(($(meminfo MemAvailable) - (want - free) * 2048))
    if [ "$spare_kb" -lt 262144 ]; then
        say "huge pages: $(((want - free) * 2)) MiB more would leave this host too little" \
            "memory; nr_hugepages stays $old, going on with smaller pages"
        return 0
    fi
    hugepages_old=$old
    if ! hugepages_write $((old + want - free)); then
        hugepages_old=
        say "huge pages: nr_hugepages is $old and may not be raised here ($hugepages_file" \
            "is read-only or refused); going on with smaller pages"
        return 0
    fi
    new=$(cat "$hugepages_file")
    free=$(hugepages_free)
    say "huge pages: nr_hugepages $old -> $new, $free of 2 MiB free, $want needed"
    [ "$free" -ge "$want" ] ||
        say "huge pages: memory is too fragmented for all of them; stepping down where needed"
}

# Puts the old nr_hugepages back and shows both values. Harmless if nothing was changed.
hugepages_restore() {
    [ -n "$hugepages_old" ] || return 0
    local raised
    raised=$(cat "$hugepages_file")
    if hugepages_write "$hugepages_old"; then
        say "huge pages: nr_hugepages restored $raised -> $(cat "$hugepages_file")"
    else
        warn "nr_hugepages could not be put back from $raised to $hugepages_old"
    fi
    hugepages_old=
}

# ---- processes, ports, room -------------------------------------------------------------------

# stop_process PID SECONDS: asks, waits, then insists. The process is a child of this shell.
stop_process() {
    local pid=$1 tenths=$(($2 * 10))
    kill -TERM "$pid" 2>/dev/null || return 0
    while [ "$tenths" -gt 0 ] && kill -0 "$pid" 2>/dev/null; do
        sleep 0.1
        tenths=$((tenths - 1))
    done
    if kill -KILL "$pid" 2>/dev/null; then
        warn "process $pid did not end in $2 s and was killed"
    fi
    wait "$pid" 2>/dev/null || true
}

# free_port: prints a TCP port of 127.0.0.1 nobody listens on (at this moment).
free_port() {
    local port tries
    for tries in $(seq 50); do
        port=$((20000 + (RANDOM * 7 + tries) % 12000)) # below the range for outgoing ports
        if ! { : <>"/dev/tcp/127.0.0.1/$port"; } 2>/dev/null; then
            echo "$port"
            return 0
        fi
    done
    return 1
}

# make_workdir BYTES: prints a new temporary directory with at least that much room.
make_workdir() {
    local base free_kb
    for base in "${TMPDIR:-}" /var/tmp /tmp; do
        if [ -z "$base" ] || [ ! -d "$base" ] || [ ! -w "$base" ]; then
            continue
        fi
        free_kb=$(df -Pk "$base" | awk 'NR == 2 { print $4 }')
        if [ "$free_kb" -gt $(($1 / 1024)) ]; then
            mktemp -d "$base/pmemd.XXXXXXXX"
            return 0
        fi
    done
    return 1
}
