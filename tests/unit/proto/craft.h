/* SPDX-License-Identifier: BSD-3-Clause */
/* Protobuf by hand: the messages that no encoder of ours would make. */
#ifndef PMI_TEST_CRAFT_H
#define PMI_TEST_CRAFT_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct craft {
    size_t len;
    uint8_t bytes[80 << 10]; /* the tests stay below it */
};

static inline void
craft_byte(struct craft *c, uint8_t v)
{
    c->bytes[c->len++] = v;
}

static inline void
craft_varint(struct craft *c, uint64_t v)
{
    for (; v >= 0x80; v >>= 7)
        craft_byte(c, (uint8_t)(v | 0x80));
    craft_byte(c, (uint8_t)v);
}

/* A field that is a number. */
static inline void
craft_num(struct craft *c, uint32_t field, uint64_t v)
{
    craft_varint(c, (uint64_t)field << 3);
    craft_varint(c, v);
}

/* A field that is a string, bytes or a message. */
static inline void
craft_bytes(struct craft *c, uint32_t field, const void *p, size_t n)
{
    craft_varint(c, (uint64_t)field << 3 | 2);
    craft_varint(c, n);
    if (n != 0)
        memcpy(c->bytes + c->len, p, n);
    c->len += n;
}

/* The same with n times one byte. */
static inline void
craft_run(struct craft *c, uint32_t field, uint8_t byte, size_t n)
{
    craft_varint(c, (uint64_t)field << 3 | 2);
    craft_varint(c, n);
    memset(c->bytes + c->len, byte, n);
    c->len += n;
}

static inline void
craft_sub(struct craft *c, uint32_t field, const struct craft *sub)
{
    craft_bytes(c, field, sub->bytes, sub->len);
}

#endif
