/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What an error number means: its text, its status on the wire, and whether trying again can
 * help. Numbers are 0, a kernel's -errno, or a PMEMD_E_* of <pmemd/errors.def>.
 */
#ifndef PMI_ERR_H
#define PMI_ERR_H

#include <stdbool.h>
#include <stdint.h>

/*
 * Text of `err` (0, -errno or PMEMD_E_*), never NULL, valid for ever, without a newline.
 * A number nobody knows gives "unknown error". Any thread.
 */
__attribute__((warn_unused_result)) const char *pmi_err_text(int err);

/* Name of `err` as its users spell it ("PMEMD_E_STALE", "ENOMEM", "OK"), or NULL. Any thread.
 */
__attribute__((warn_unused_result)) const char *pmi_err_name(int err);

/*
 * The status a peer is told. 0 stays 0. Of the -errno, those with a PMEMD_E_* of the same
 * meaning get that one's status; every other number is PMEMD_E_STATE, because a peer has no
 * use for our kernel's reasons.
 */
__attribute__((warn_unused_result)) uint16_t pmi_err_to_wire(int err);

/* The PMEMD_E_* of a status a peer told; PMEMD_E_PROTO if this build does not know it. */
__attribute__((warn_unused_result)) int pmi_err_from_wire(uint16_t wire);

/* True where the same request may succeed later without anybody changing it. */
__attribute__((warn_unused_result)) bool pmi_err_retryable(int err);

#endif
