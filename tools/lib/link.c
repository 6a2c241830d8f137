// SPDX-License-Identifier: BSD-3-Clause
/* Connecting: see link.h. */
#include "tools/lib/link.h"

#include "tools/lib/exit.h"

void
tool_config(struct pmemd_config *ret, uint64_t timeout_ns)
{
    pmemd_config_init(ret, sizeof *ret);
    ret->reconnect_ns = timeout_ns;
    if (ret->connect_timeout_ns > timeout_ns)
        ret->connect_timeout_ns = timeout_ns;
}

/* The region is open and *info filled, or an error. */
static int
open_region(struct pmemd_client *c, const struct pmemd_config *cfg, struct pmemd_info *info)
{
    /* The library gives up by itself after reconnect_ns, with the better reason: wait longer. */
    const int rc = pmemd_connect(c, cfg->reconnect_ns + cfg->connect_timeout_ns);
    return rc < 0 ? rc : pmemd_info(c, info, sizeof *info);
}

int
tool_open(const char *uri, const struct pmemd_config *cfg, struct pmemd_info *info,
          struct pmemd_client **ret)
{
    struct pmemd_client *c = NULL;
    int rc = pmemd_open(uri, cfg, &c);
    if (rc < 0)
        return (int)tool_fail(uri, rc, NULL);
    if (info != NULL) {
        rc = open_region(c, cfg, info);
        if (rc < 0) {
            rc = (int)tool_fail(uri, rc, c);
            pmemd_close(c);
            return rc;
        }
        if (info->len == 0) {
            tool_say("%s: the URI names no region", uri);
            pmemd_close(c);
            return TOOL_USAGE;
        }
    }
    *ret = c;
    return TOOL_OK;
}
