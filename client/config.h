/* SPDX-License-Identifier: BSD-3-Clause */
/* Import of the structs that carry their size: defaults, growth, ranges. */
#ifndef PMI_CLIENT_CONFIG_H
#define PMI_CLIENT_CONFIG_H

#include <pmemd/pmemd.h>

#define CONFIG_INFLIGHT_MAX 4096u /* the highest inflight_max a caller may ask for */

/*
 * Copy what the caller compiled into what this library knows, and check every range.
 * src NULL means every default. *dst is set on success only.
 * Errors: PMEMD_E_ARG, PMEMD_E_NEWER as pmemd_open() documents them.
 */
__attribute__((warn_unused_result)) int config_import(struct pmemd_config *dst,
                                                      const struct pmemd_config *src);

/*
 * The request as this library knows it: `src` itself when the sizes agree, else a copy in *tmp.
 * Only the size is judged here.
 * Errors: PMEMD_E_ARG, PMEMD_E_NEWER.
 */
__attribute__((warn_unused_result)) int config_import_req(const struct pmemd_req *src,
                                                          struct pmemd_req *tmp,
                                                          const struct pmemd_req **ret);

#endif
