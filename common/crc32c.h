/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * CRC32C (Castagnoli, reflected, as in iSCSI: of "123456789" it is 0xE3069283), and two copies
 * that know about caches: one that sums on its way, one that goes past them.
 */
#ifndef PMI_CRC32C_H
#define PMI_CRC32C_H

#include <stddef.h>
#include <stdint.h>

/*
 * CRC of n bytes at p after those that gave `crc`; start with 0. Chains:
 * pmi_crc32c(pmi_crc32c(0, a), b) is the CRC of a then b. p may be NULL if n is 0.
 */
__attribute__((warn_unused_result)) uint32_t pmi_crc32c(uint32_t crc, const void *p, size_t n);

/* The same by tables alone: the fallback where ISA-L has no code, and the tests' second
 * opinion. */
__attribute__((warn_unused_result)) uint32_t pmi_crc32c_table(uint32_t crc, const void *p,
                                                              size_t n);

/* CRC of a then b from the CRC of each (both started with 0) and b's length. Under 1 us. */
__attribute__((warn_unused_result)) uint32_t pmi_crc32c_combine(uint32_t crc_a, uint32_t crc_b,
                                                                uint64_t len_b);

/*
 * Copy n bytes that do not overlap and return pmi_crc32c(crc, dst, n). The sum is taken from
 * the copy, block by block while it is hot, so it fits what was copied even if somebody changes
 * src meanwhile.
 */
__attribute__((warn_unused_result)) uint32_t
pmi_crc32c_copy(uint32_t crc, void *restrict dst, const void *restrict src, size_t n);

/* Below this, the fence costs more than clean caches gain (measured: even at 2-4 KiB). */
#define PMI_COPY_NT_MIN_BYTES 4096

/*
 * Copy n bytes that do not overlap with stores that leave no dirty line in the caches, where
 * the processor has them. Copies shorter than PMI_COPY_NT_MIN_BYTES, and in longer ones the
 * head and tail short of a 64-byte line, are plain stores: who needs those bytes out of the
 * caches flushes them. All non-temporal stores are ordered before later stores when this
 * returns.
 */
void pmi_copy_nt(void *restrict dst, const void *restrict src, size_t n);

#endif
