// SPDX-License-Identifier: BSD-3-Clause
/* pmemctl: a region's contents and state, from the command line. */
#include "tools/lib/exit.h"
#include "tools/pmemctl/opts.h"
#include "tools/pmemctl/show.h"
#include "tools/pmemctl/stop.h"
#include "tools/pmemctl/transfer.h"

#include <pmemd/pmemd.h>
#include <stdio.h>

static int
transfer(const struct ctl_opts *o, int (*verb)(const struct ctl_opts *))
{
    const int rc = ctl_stop_init();
    return rc < 0 ? (int)tool_fail("signals", rc, NULL) : verb(o);
}

int
main(int argc, char **argv)
{
    struct ctl_opts o;
    char why[256];
    tool_name_set("pmemctl");
    const int rc = ctl_opts_parse(argc, argv, &o, why, sizeof why);
    if (rc != 0) {
        tool_say("%s", why);
        return rc;
    }
    switch (o.verb) {
    case CTL_LIST:
        return ctl_list(&o);
    case CTL_STAT:
        return ctl_stat(&o);
    case CTL_PUT:
        return transfer(&o, ctl_put);
    case CTL_GET:
        return transfer(&o, ctl_get);
    case CTL_FLUSH:
        return ctl_flush(&o);
    case CTL_VERSION:
        printf("pmemctl %s (libpmemd %s)\n", PMEMD_TOOLS_VERSION, pmemd_version());
        return TOOL_OK;
    case CTL_NONE:
    case CTL_HELP:
        break;
    }
    (void)fputs(ctl_help, stdout);
    return TOOL_OK;
}
