/* SPDX-License-Identifier: BSD-3-Clause */
/* Store a greeting in a region, make it durable, read it back and compare. */
#include <pmemd/pmemd.h>
#include <stdio.h>
#include <string.h>

int
main(int argc, char **argv)
{
    const char out[] = "hello, durable world";
    char in[sizeof out];
    struct pmemd_client *c = NULL;
    int rc = pmemd_open(argc > 1 ? argv[1] : "pmemd://127.0.0.1/demo", NULL, &c);
    if (rc == 0 && (rc = pmemd_connect(c, 5000000000)) == 0 &&
        (rc = pmemd_write(c, 4096, out, sizeof out, PMEMD_LEVEL_RECEIVED)) == 0 &&
        (rc = pmemd_flush(c)) == 0 && (rc = pmemd_read(c, 4096, in, sizeof in)) == 0)
        rc = memcmp(in, out, sizeof out) == 0 ? 0 : PMEMD_E_CRC;
    puts(rc == 0 ? in : pmemd_strerror(rc));
    pmemd_close(c);
    return rc != 0;
}
