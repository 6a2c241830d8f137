/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Assertions that stay on in production: about ourselves and about what the kernel promised,
 * never about a peer, a file, a config or memory pressure. A failure prints where, what, and
 * the last events this thread noted, then aborts.
 */
#ifndef PMI_ASSERT_H
#define PMI_ASSERT_H

#include <stddef.h>
#include <stdint.h>

/* Events kept per thread; older ones are overwritten. */
#define PMI_NOTES_MAX 16

/* Dies unless `cond` holds. One condition each, and no side effect in it. */
#define pmi_assert(cond)                                                                       \
    (__builtin_expect(!!(cond), 1) ? (void)0                                                   \
                                   : pmi_assert_fail(__FILE__, __LINE__, __func__, #cond))

/* Dies unless `obj` is not NULL and its `magic` field (uint32_t) holds `want`. */
#define pmi_alive(obj, want)                                                                   \
    do {                                                                                       \
        const __typeof__(*(obj)) *pmi_alive_ = (obj);                                          \
        if (__builtin_expect(pmi_alive_ == NULL, 0))                                           \
            pmi_assert_fail(__FILE__, __LINE__, __func__, #obj " != NULL");                    \
        if (__builtin_expect(pmi_alive_->magic != (want), 0))                                  \
            pmi_alive_fail(__FILE__, __LINE__, __func__, #obj " is a live " #want,             \
                           pmi_alive_->magic);                                                 \
    } while (0)

/* A fact about layout or limits that the compiler can check. */
#define pmi_static_assert(cond) _Static_assert(cond, #cond)

/*
 * Remember an event of this thread for the report of a later failure. Costs a few stores.
 *
 * what     borrowed for ever: a string literal
 * a, b     two numbers that tell one event from another
 */
void pmi_note(const char *what, uint64_t a, uint64_t b);

/* For the macros above only. They write to stderr without allocating, then abort(). */
_Noreturn void pmi_assert_fail(const char *file, int line, const char *func, const char *expr);
_Noreturn void pmi_alive_fail(const char *file, int line, const char *func, const char *expr,
                              uint32_t found);

#endif
