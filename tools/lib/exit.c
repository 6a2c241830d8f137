// SPDX-License-Identifier: BSD-3-Clause
/* Exit codes and error sentences: see exit.h. */
#include "tools/lib/exit.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const char *tool_name = "pmemd";

void
tool_name_set(const char *name)
{
    tool_name = name;
}

void
tool_say(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    (void)fprintf(stderr, "%s: ", tool_name);
    (void)vfprintf(stderr, format, args);
    (void)fputc('\n', stderr);
    va_end(args);
}

enum tool_exit
tool_exit_of(int err)
{
    if (err >= 0)
        return TOOL_OK;
    switch (err) {
    case PMEMD_E_NORING:
    case -ENOSYS:
        return TOOL_HOST;
    case PMEMD_E_ARG:
        return TOOL_USAGE;
    case PMEMD_E_VERSION:
    case PMEMD_E_TOOBIG:
    case PMEMD_E_NOREGION:
    case PMEMD_E_CLASS:
    case PMEMD_E_RIGHTS:
    case PMEMD_E_RANGE:
    case PMEMD_E_VERB:
    case PMEMD_E_FLAG:
    case PMEMD_E_LEVEL:
    case PMEMD_E_UNSUPPORTED:
    case PMEMD_E_FENCED:
        return TOOL_REFUSED;
    case PMEMD_E_CRC:
        return TOOL_DIFFERS;
    default:
        return TOOL_FAILED;
    }
}

enum tool_exit
tool_fail(const char *what, int err, const struct pmemd_client *c)
{
    const char *const text = pmemd_strerror(err);
    const char *detail = c != NULL ? pmemd_detail(c) : "";
    if (strncmp(detail, "no error", 8) == 0)
        detail = "";
    if (detail[0] == '\0')
        tool_say("%s: %s", what, text);
    else if (err == PMEMD_E_LOST || strstr(detail, text) != NULL) /* it says it all */
        tool_say("%s: %s", what, detail);
    else
        tool_say("%s: %s (%s)", what, text, detail);
    return tool_exit_of(err);
}
