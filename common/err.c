/* SPDX-License-Identifier: BSD-3-Clause */
/* errors.def expanded into a table, beside the few kernel errors that mean the same. */
#include "common/err.h"

#include "common/assert.h"

#include <pmemd/errors.h>

#include <errno.h>
#include <stddef.h>
#include <string.h>

#define ERRNO_MAX 4095 /* what the kernel can return */

struct err_row {
    int err;
    uint16_t wire;
    bool retryable;
    const char *name;
    const char *text;
};

static const struct err_row rows[] = {
#define PMEMD_ERROR(name, number, wire, retryable, text)                                       \
    {PMEMD_E_##name, wire, retryable, "PMEMD_E_" #name, text},
#include <pmemd/errors.def>
#undef PMEMD_ERROR
};

#define PMEMD_ERROR(name, number, wire, retryable, text)                                       \
    pmi_static_assert((number) > 100000);                                                      \
    pmi_static_assert((wire) > 0 && (wire) <= UINT16_MAX);                                     \
    pmi_static_assert((retryable) == 0 || (retryable) == 1);
#include <pmemd/errors.def>
#undef PMEMD_ERROR

/* Kernel errors that have a twin among ours. */
static const struct {
    int sys;
    int err;
} twins[] = {
    {EINVAL, PMEMD_E_ARG},         {EPROTO, PMEMD_E_PROTO},
    {EBADMSG, PMEMD_E_PROTO},      {E2BIG, PMEMD_E_TOOBIG},
    {EMSGSIZE, PMEMD_E_TOOBIG},    {EPERM, PMEMD_E_RIGHTS},
    {EACCES, PMEMD_E_RIGHTS},      {EAGAIN, PMEMD_E_BUSY},
    {EBUSY, PMEMD_E_BUSY},         {ENOMEM, PMEMD_E_BUSY},
    {ENOBUFS, PMEMD_E_BUSY},       {EMFILE, PMEMD_E_BUSY},
    {ENFILE, PMEMD_E_BUSY},        {ETIMEDOUT, PMEMD_E_TIMEOUT},
    {ETIME, PMEMD_E_TIMEOUT},      {ECONNRESET, PMEMD_E_LOST},
    {ECONNABORTED, PMEMD_E_LOST},  {ECONNREFUSED, PMEMD_E_LOST},
    {ENOTCONN, PMEMD_E_LOST},      {ESHUTDOWN, PMEMD_E_LOST},
    {EPIPE, PMEMD_E_LOST},         {EHOSTUNREACH, PMEMD_E_LOST},
    {ENETUNREACH, PMEMD_E_LOST},   {ENETDOWN, PMEMD_E_LOST},
    {ECANCELED, PMEMD_E_CANCELED}, {ESTALE, PMEMD_E_STALE},
    {ENOSYS, PMEMD_E_UNSUPPORTED}, {EOPNOTSUPP, PMEMD_E_UNSUPPORTED},
};

static const struct err_row *
row_of(int err)
{
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (rows[i].err == err)
            return &rows[i];
    return NULL;
}

static bool
is_sys(int err)
{
    return err < 0 && err >= -ERRNO_MAX;
}

/* Our error of the same meaning, or err itself. */
static int
twin_of(int err)
{
    if (!is_sys(err))
        return err;
    for (size_t i = 0; i < sizeof twins / sizeof twins[0]; i++)
        if (twins[i].sys == -err)
            return twins[i].err;
    return err;
}

const char *
pmi_err_text(int err)
{
    const char *text = NULL;
    const struct err_row *row = row_of(err);
    if (row != NULL)
        text = row->text;
    else if (err == 0)
        text = "success";
    else if (is_sys(err))
        text = strerrordesc_np(-err); /* static strings, no locale: any thread */
    return text != NULL ? text : "unknown error";
}

const char *
pmi_err_name(int err)
{
    const struct err_row *row = row_of(err);
    if (row != NULL)
        return row->name;
    if (err == 0)
        return "OK";
    return is_sys(err) ? strerrorname_np(-err) : NULL;
}

uint16_t
pmi_err_to_wire(int err)
{
    if (err == 0)
        return 0;
    const struct err_row *row = row_of(twin_of(err));
    if (row == NULL)
        row = row_of(PMEMD_E_STATE);
    pmi_assert(row != NULL);
    return row->wire;
}

int
pmi_err_from_wire(uint16_t wire)
{
    if (wire == 0)
        return 0;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (rows[i].wire == wire)
            return rows[i].err;
    return PMEMD_E_PROTO;
}

bool
pmi_err_retryable(int err)
{
    if (err == -EINTR)
        return true;
    const struct err_row *row = row_of(twin_of(err));
    return row != NULL && row->retryable;
}
