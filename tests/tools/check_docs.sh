#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Goal: tools/check-docs refuses a symbol without a contract and an error without a user.
# Method: a header, a version script and an error table; one violation at a time.
# shellcheck source=tests/tools/lib.sh
. "$(dirname "$0")/lib.sh"
need_program python3 python3
check=("$src/tools/check-docs" --root "$tree")

put client/libpmemd.map <<'END'
/* SPDX-License-Identifier: BSD-3-Clause */
PMEMD_0.1 {
global:
    pmemd_open; /* pmemd_gone; */
    pmemd_close;
local:
    *;
};
END
put include/pmemd/pmemd.h <<'END'
/* SPDX-License-Identifier: BSD-3-Clause */
struct pmemd_client;
/*
 * Opens a session. pmemd_close() ends it.
 */
PMEMD_API PMEMD_CHECK int pmemd_open(const char *uri,
                                     struct pmemd_client **ret);

/* Ends it; the handle is gone whatever is returned. */
#define PMEMD_X 1
/* Ends it; the handle is gone whatever is returned. */
PMEMD_API int
pmemd_close(struct pmemd_client *c);
END
put include/pmemd/errors.def <<'END'
/* SPDX-License-Identifier: BSD-3-Clause */
/* PMEMD_ERROR(NAME, ...) in a comment counts only at the start of a line */
PMEMD_ERROR(ARG, 100001, 1, 0, "bad")
END
put client/handle.c <<<'/* SPDX-License-Identifier: BSD-3-Clause */
int f(void) { return PMEMD_E_ARG; }'
expect 0 "2 symbols have a contract, 1 errors have a user" "${check[@]}"

put client/handle.c <<<'/* SPDX-License-Identifier: BSD-3-Clause */
int f(void) { return 0; /* PMEMD_E_ARG */ }'
expect 1 "PMEMD_E_ARG is used by no source" "${check[@]}"
put client/handle.c <<<'/* SPDX-License-Identifier: BSD-3-Clause */
int f(void) { return PMEMD_E_ARG; }'

put include/pmemd/more.h <<<'/* SPDX-License-Identifier: BSD-3-Clause */
int pmemd_new(void);'
sed -i 's/pmemd_close;/pmemd_close; pmemd_new;/' "$tree/client/libpmemd.map"
expect 1 "pmemd_new() has no contract comment" "${check[@]}"
printf '/* SPDX-License-Identifier: x */\n\n/* A contract for somebody else, far above. */\n\nint pmemd_new(void);\n' |
    put include/pmemd/more.h
expect 1 "pmemd_new() has no contract comment" "${check[@]}"
printf '/* SPDX-License-Identifier: x */\n\n/* Says what it does and what it returns. */\nint pmemd_new(void);\n' |
    put include/pmemd/more.h
expect 0 "3 symbols" "${check[@]}"
rm "$tree/include/pmemd/more.h"
expect 1 "pmemd_new is declared in no header" "${check[@]}"

put common/bare.c <<<'int bare;'
expect 1 "common/bare.c: SPDX-License-Identifier is not in the first two lines" "${check[@]}"
