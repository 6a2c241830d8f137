/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Structs that carry their size. An older caller's struct is shorter: the rest keeps its
 * default. A newer caller's is longer: what we do not know must be zero, or it asked for
 * something that we would silently not do.
 */
#include "client/config.h"

#include "common/assert.h"
#include "common/checked.h"
#include "common/clock.h"

#include <string.h>

/* What the first release had. Fields are only ever appended, so these never change. */
#define CONFIG_SIZE_1_0 (offsetof(struct pmemd_config, zc_min) + sizeof(uint64_t))
#define REQ_SIZE_1_0 (offsetof(struct pmemd_req, trace) + 16)
#define SIZE_TOP 4096u /* no struct of ours will ever be larger: a wild size is an error */

pmi_static_assert(CONFIG_SIZE_1_0 == 72);
pmi_static_assert(sizeof(struct pmemd_config) == CONFIG_SIZE_1_0); /* appended? ranges below */
pmi_static_assert(REQ_SIZE_1_0 == 80);
pmi_static_assert(sizeof(struct pmemd_req) == REQ_SIZE_1_0);

#define CONFIG_FLAGS                                                                           \
    (PMEMD_CFG_CRC_ON | PMEMD_CFG_CRC_OFF | PMEMD_CFG_ZC_OFF | PMEMD_CFG_ZC_ALWAYS)

static const struct pmemd_config config_defaults = {
    .size = sizeof(struct pmemd_config),
    .inflight_max = 128,
    .connect_timeout_ns = 5 * PMI_NS_PER_S,
    .reconnect_ns = UINT64_MAX,
    .zc_min = 32 << 10,
};

static bool
all_zero(const char *p, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (p[i] != 0)
            return false;
    }
    return true;
}

/* Copy a sized struct of `size` bytes over the `known` bytes at dst. */
static int
import(void *dst, size_t known, const void *src, uint32_t size, size_t size_1_0)
{
    if (size < size_1_0 || size > SIZE_TOP)
        return PMEMD_E_ARG;
    if (size > known && !all_zero((const char *)src + known, size - known))
        return PMEMD_E_NEWER;
    memcpy(dst, src, pmi_min(size, known));
    return 0;
}

static bool
ranges_ok(const struct pmemd_config *c)
{
    const uint32_t crc = PMEMD_CFG_CRC_ON | PMEMD_CFG_CRC_OFF;
    const uint32_t zc = PMEMD_CFG_ZC_OFF | PMEMD_CFG_ZC_ALWAYS;
    if ((c->flags & ~CONFIG_FLAGS) != 0 || (c->flags & crc) == crc || (c->flags & zc) == zc)
        return false;
    if (c->inflight_max < 1 || c->inflight_max > CONFIG_INFLIGHT_MAX)
        return false;
    return c->class_min <= PMEMD_CLASS_POWER_SAFE && c->connect_timeout_ns != 0;
}

int
config_import(struct pmemd_config *dst, const struct pmemd_config *src)
{
    struct pmemd_config cfg = config_defaults;
    if (src != NULL) {
        const int rc = import(&cfg, sizeof cfg, src, src->size, CONFIG_SIZE_1_0);
        if (rc < 0)
            return rc;
    }
    if (!ranges_ok(&cfg))
        return PMEMD_E_ARG;
    cfg.size = sizeof cfg;
    *dst = cfg;
    return 0;
}

int
config_import_req(const struct pmemd_req *src, struct pmemd_req *tmp,
                  const struct pmemd_req **ret)
{
    if (src->size == sizeof *tmp) {
        *ret = src;
        return 0;
    }
    memset(tmp, 0, sizeof *tmp);
    const int rc = import(tmp, sizeof *tmp, src, src->size, REQ_SIZE_1_0);
    if (rc < 0)
        return rc;
    *ret = tmp;
    return 0;
}

void
pmemd_config_init(struct pmemd_config *cfg, size_t size)
{
    if (size < CONFIG_SIZE_1_0 || size > SIZE_TOP) {
        cfg->size = 0;
        return;
    }
    memset(cfg, 0, size);
    memcpy(cfg, &config_defaults, pmi_min(size, sizeof config_defaults));
    cfg->size = (uint32_t)size;
}

void
pmemd_req_init(struct pmemd_req *req, size_t size)
{
    if (size < REQ_SIZE_1_0 || size > SIZE_TOP) {
        req->size = 0;
        return;
    }
    memset(req, 0, size);
    req->size = (uint32_t)size;
}
