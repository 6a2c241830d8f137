/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Bounded reader and writer over bytes in wire order (little-endian): the only pointer
 * arithmetic on wire bytes. A read that is short leaves the cursor and the output unmoved; a
 * write that is short sets `bad`, which stays, so that a writer checks once at its end.
 */
#ifndef PMI_CURSOR_H
#define PMI_CURSOR_H

#include "common/assert.h"

#include <endian.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct pmi_cur {
    const uint8_t *at; /* borrowed as long as the cursor is used */
    const uint8_t *end;
};

/* Make one with pmi_out_of(). */
struct pmi_out {
    uint8_t *at; /* borrowed as long as the writer is used */
    uint8_t *end;
    uint8_t *begin;
    bool bad; /* something did not fit: what is there is not a message */
};

/* Little-endian loads and stores at any alignment. The caller proved the bound. */
static inline uint16_t
pmi_load_u16(const uint8_t *p)
{
    uint16_t v;
    memcpy(&v, p, sizeof v);
    return le16toh(v);
}

static inline uint32_t
pmi_load_u32(const uint8_t *p)
{
    uint32_t v;
    memcpy(&v, p, sizeof v);
    return le32toh(v);
}

static inline uint64_t
pmi_load_u64(const uint8_t *p)
{
    uint64_t v;
    memcpy(&v, p, sizeof v);
    return le64toh(v);
}

static inline void
pmi_store_u16(uint8_t *p, uint16_t v)
{
    v = htole16(v);
    memcpy(p, &v, sizeof v);
}

static inline void
pmi_store_u32(uint8_t *p, uint32_t v)
{
    v = htole32(v);
    memcpy(p, &v, sizeof v);
}

static inline void
pmi_store_u64(uint8_t *p, uint64_t v)
{
    v = htole64(v);
    memcpy(p, &v, sizeof v);
}

/* A reader of n bytes at p; p may be NULL if n is 0. */
static inline struct pmi_cur
pmi_cur_of(const void *p, size_t n)
{
    static const uint8_t none[1];
    pmi_assert(p != NULL || n == 0);
    const uint8_t *at = p == NULL ? none : p;
    return (struct pmi_cur){.at = at, .end = at + n};
}

/* Bytes not yet read. */
static inline size_t
pmi_cur_left(const struct pmi_cur *c)
{
    pmi_assert(c->at <= c->end);
    return (size_t)(c->end - c->at);
}

/* The next n bytes, consumed; NULL if there are fewer. Borrowed like the cursor's own. */
__attribute__((warn_unused_result)) static inline const uint8_t *
pmi_take(struct pmi_cur *c, size_t n)
{
    if (n > pmi_cur_left(c))
        return NULL; /* short: cursor unmoved */
    const uint8_t *p = c->at;
    c->at += n;
    return p;
}

/* The next number or bytes, consumed; false if there are too few. */
__attribute__((warn_unused_result)) static inline bool
pmi_get_u8(struct pmi_cur *c, uint8_t *ret)
{
    const uint8_t *p = pmi_take(c, sizeof *ret);
    if (p == NULL)
        return false;
    *ret = *p;
    return true;
}

__attribute__((warn_unused_result)) static inline bool
pmi_get_u16(struct pmi_cur *c, uint16_t *ret)
{
    const uint8_t *p = pmi_take(c, sizeof *ret);
    if (p == NULL)
        return false;
    *ret = pmi_load_u16(p);
    return true;
}

__attribute__((warn_unused_result)) static inline bool
pmi_get_u32(struct pmi_cur *c, uint32_t *ret)
{
    const uint8_t *p = pmi_take(c, sizeof *ret);
    if (p == NULL)
        return false;
    *ret = pmi_load_u32(p);
    return true;
}

__attribute__((warn_unused_result)) static inline bool
pmi_get_u64(struct pmi_cur *c, uint64_t *ret)
{
    const uint8_t *p = pmi_take(c, sizeof *ret);
    if (p == NULL)
        return false;
    *ret = pmi_load_u64(p);
    return true;
}

/* Copy n bytes to dst; false, and nothing copied, if there are fewer. */
__attribute__((warn_unused_result)) bool pmi_get_bytes(struct pmi_cur *c, void *dst, size_t n);

/* A reader of the next n bytes alone, which *c skips; false if there are fewer. */
__attribute__((warn_unused_result)) bool pmi_get_sub(struct pmi_cur *c, size_t n,
                                                     struct pmi_cur *ret);

/* A writer into n bytes at p; p may be NULL if n is 0. */
static inline struct pmi_out
pmi_out_of(void *p, size_t n)
{
    static uint8_t none[1]; /* never written: it has no room */
    pmi_assert(p != NULL || n == 0);
    uint8_t *at = p == NULL ? none : p;
    return (struct pmi_out){.at = at, .end = at + n, .begin = at, .bad = false};
}

/* Bytes written so far. */
static inline size_t
pmi_out_len(const struct pmi_out *o)
{
    pmi_assert(o->begin <= o->at);
    return (size_t)(o->at - o->begin);
}

/* Bytes that still fit; 0 once bad. */
static inline size_t
pmi_out_room(const struct pmi_out *o)
{
    pmi_assert(o->at <= o->end);
    return o->bad ? 0 : (size_t)(o->end - o->at);
}

/* The next n bytes to be filled by the caller; NULL, and bad, if they do not fit. */
__attribute__((warn_unused_result)) static inline uint8_t *
pmi_reserve(struct pmi_out *o, size_t n)
{
    if (o->bad || n > pmi_out_room(o)) {
        o->bad = true;
        return NULL;
    }
    uint8_t *p = o->at;
    o->at += n;
    return p;
}

static inline void
pmi_put_u8(struct pmi_out *o, uint8_t v)
{
    uint8_t *p = pmi_reserve(o, sizeof v);
    if (p != NULL)
        *p = v;
}

static inline void
pmi_put_u16(struct pmi_out *o, uint16_t v)
{
    uint8_t *p = pmi_reserve(o, sizeof v);
    if (p != NULL)
        pmi_store_u16(p, v);
}

static inline void
pmi_put_u32(struct pmi_out *o, uint32_t v)
{
    uint8_t *p = pmi_reserve(o, sizeof v);
    if (p != NULL)
        pmi_store_u32(p, v);
}

static inline void
pmi_put_u64(struct pmi_out *o, uint64_t v)
{
    uint8_t *p = pmi_reserve(o, sizeof v);
    if (p != NULL)
        pmi_store_u64(p, v);
}

/* n bytes from src, all or none. */
void pmi_put_bytes(struct pmi_out *o, const void *src, size_t n);

/* n zero bytes, all or none. */
void pmi_put_zero(struct pmi_out *o, size_t n);

#endif
