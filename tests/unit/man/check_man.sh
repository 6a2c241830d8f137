#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Goal: tools/check-man refuses a page that scdoc does not take, a symbol or an error that no page
#       has, a prototype that is not the header's, and a reference to nothing.
# Method: a small tree that is right, then one violation at a time.
# shellcheck source=tests/tools/lib.sh
. "$(dirname "$0")/../../tools/lib.sh"
need_program python3 python3
need_program scdoc scdoc
check=("$src/tools/check-man" --root "$tree")

good_pages() {
    put docs/man/pmemd_open.3.scd <<'END'
pmemd_open(3)

; SPDX-License-Identifier: BSD-3-Clause

# NAME

pmemd_open, pmemd_close - open and close

# SYNOPSIS

*void pmemd_close(struct pmemd_client \*c);*

```
int pmemd_open(const char *uri,
               struct pmemd_client **ret);
```

# SEE ALSO

*pmemd_errors*(3), *pmemd_close*(3), *epoll*(7)
END
    put docs/man/pmemd_errors.3.scd <<'END'
pmemd_errors(3)

; SPDX-License-Identifier: BSD-3-Clause

# NAME

pmemd_errors - errors

# ERRORS

*PMEMD_E_ARG* (-100001)
	Correct it.
END
}

put client/libpmemd.map <<'END'
/* SPDX-License-Identifier: BSD-3-Clause */
PMEMD_0.1 {
global:
    pmemd_open; /* pmemd_gone; */
local:
    *;
};
END
put client/libpmemd-ev.map <<'END'
/* SPDX-License-Identifier: BSD-3-Clause */
PMEMD_EV_0.1 { global: pmemd_close; local: *; };
END
put include/pmemd/pmemd.h <<'END'
/* SPDX-License-Identifier: BSD-3-Clause */
struct pmemd_client;
/* Opens. */
PMEMD_API PMEMD_CHECK int pmemd_open(const char *uri, struct pmemd_client **ret);
/* Closes. */
PMEMD_API void pmemd_close(struct pmemd_client *c);
END
put include/pmemd/errors.def <<'END'
/* SPDX-License-Identifier: BSD-3-Clause */
PMEMD_ERROR(ARG, 100001, 1, 0, "bad")
END
good_pages
expect 0 "2 pages, 2 symbols, 1 errors" "${check[@]}"

# One edit of a page, what is said about it, and back.
refused() { # PAGE SED-EXPRESSION TEXT
    sed -i "$2" "$tree/docs/man/$1"
    expect 1 "$3" "${check[@]}"
    good_pages
}
refused pmemd_open.3.scd 's/open and close/open *and close/' "docs/man/pmemd_open.3.scd: scdoc: "
refused pmemd_open.3.scd '1s/3/7/' "is not titled pmemd_open(3)"
refused pmemd_open.3.scd 's/const char/char/' "no page has the prototype of pmemd_open"
refused pmemd_open.3.scd 's/^\*void.*//' "no page has the prototype of pmemd_close"
refused pmemd_open.3.scd 's/pmemd_close/pmemd_other/' "pmemd_close is named in no page"
refused pmemd_open.3.scd 's/\*pmemd_errors\*/*pmemd_gone*/' "refers to pmemd_gone(3), which does not"
refused pmemd_errors.3.scd 's/-100001/-100002/' "PMEMD_E_ARG is not explained"
refused pmemd_errors.3.scd '/Correct/d' "PMEMD_E_ARG is not explained"
put docs/protocol.md <<<'<b>The protocol</b>'
expect 1 "docs/man/pmemd-protocol.7.scd" "${check[@]}"
