/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * CRC32C by ISA-L where that has fast code, else by eight tables; the copies beside it.
 * Both keep the register inverted inside and plain outside, which is what makes calls chain.
 */
#include "common/crc32c.h"

#include "common/assert.h"
#include "common/checked.h"

#include <endian.h>
#include <pthread.h>
#include <stdbool.h>
#include <string.h>

#if defined(__x86_64__)
#include <emmintrin.h>
#include <isa-l/crc.h>
#define HAVE_ISAL 1
#define HAVE_NT 1
#else
#define HAVE_ISAL 0
#define HAVE_NT 0
#endif

#define POLY UINT32_C(0x82f63b78)            /* Castagnoli, reflected */
#define X_TO_0 UINT32_C(0x80000000)          /* reflected: bit 31 is the constant term */
#define COPY_BLOCK_BYTES ((size_t)16 * 1024) /* source and copy fit the first-level cache */
#define ISAL_PIECE_BYTES ((size_t)1 << 30)   /* its length is an int */
#define LINE_BYTES 64

/* tables[0] is of one byte, tables[k] of that byte followed by k zero bytes. */
static uint32_t tables[8][256];
static pthread_once_t tables_once = PTHREAD_ONCE_INIT;

/*
 * x^(2^k) modulo the polynomial. 31 are enough: the polynomial is (x + 1) times a primitive one
 * of degree 31, so squaring x^(2^30) leads back to x.
 */
static const uint32_t x_to_2_to[31] = {
    0x40000000, 0x20000000, 0x08000000, 0x00800000, 0x00008000, 0x82f63b78, 0x6ea2d55c,
    0x18b8ea18, 0x510ac59a, 0xb82be955, 0xb8fdb1e7, 0x88e56f72, 0x74c360a4, 0xe4172b16,
    0x0d65762a, 0x35d73a62, 0x28461564, 0xbf455269, 0xe2ea32dc, 0xfe7740e6, 0xf946610b,
    0x3c204f8f, 0x538586e3, 0x59726915, 0x734d5309, 0xbc1ac763, 0x7d0722cc, 0xd289cabe,
    0xe94ca9bc, 0x05b74f3f, 0xa51e1f42,
};

static uint32_t
times_x(uint32_t v)
{
    return (v >> 1) ^ ((v & 1) != 0 ? POLY : 0);
}

static void
tables_make(void)
{
    for (uint32_t byte = 0; byte < 256; byte++) {
        uint32_t v = byte;
        for (unsigned bit = 0; bit < 8; bit++)
            v = times_x(v);
        tables[0][byte] = v;
    }
    for (unsigned k = 1; k < 8; k++)
        for (uint32_t byte = 0; byte < 256; byte++) {
            const uint32_t v = tables[k - 1][byte];
            tables[k][byte] = (v >> 8) ^ tables[0][v & 0xff];
        }
}

/* Product of two polynomials modulo POLY. */
static uint32_t
multiply(uint32_t a, uint32_t b)
{
    uint32_t product = 0;
    for (uint32_t term = X_TO_0; term != 0; term >>= 1) {
        if ((a & term) != 0)
            product ^= b;
        b = times_x(b);
    }
    return product;
}

uint32_t
pmi_crc32c_table(uint32_t crc, const void *p, size_t n)
{
    pmi_assert(p != NULL || n == 0);
    const int rc = pthread_once(&tables_once, tables_make);
    pmi_assert(rc == 0);
    const uint8_t *at = p;
    crc = ~crc;
    for (; n >= 8; n -= 8, at += 8) {
        uint64_t w;
        memcpy(&w, at, sizeof w);
        w = le64toh(w) ^ crc;
        crc = tables[7][w & 0xff] ^ tables[6][w >> 8 & 0xff] ^ tables[5][w >> 16 & 0xff] ^
              tables[4][w >> 24 & 0xff] ^ tables[3][w >> 32 & 0xff] ^
              tables[2][w >> 40 & 0xff] ^ tables[1][w >> 48 & 0xff] ^ tables[0][w >> 56];
    }
    for (; n > 0; n--, at++)
        crc = (crc >> 8) ^ tables[0][(crc ^ *at) & 0xff];
    return ~crc;
}

uint32_t
pmi_crc32c(uint32_t crc, const void *p, size_t n)
{
#if HAVE_ISAL
    pmi_assert(p != NULL || n == 0);
    uintptr_t at = (uintptr_t)p; /* ISA-L reads only, but its prototype has no const */
    while (n > 0) {
        const size_t piece = pmi_min(n, ISAL_PIECE_BYTES);
        crc = ~crc32_iscsi((unsigned char *)at, (int)piece, ~crc);
        at += piece;
        n -= piece;
    }
    return crc;
#else
    return pmi_crc32c_table(crc, p, n);
#endif
}

uint32_t
pmi_crc32c_combine(uint32_t crc_a, uint32_t crc_b, uint64_t len_b)
{
    uint32_t shift = X_TO_0; /* becomes x^(8 * len_b) */
    unsigned k = 3;
    for (uint64_t left = len_b; left != 0; left >>= 1) {
        if ((left & 1) != 0)
            shift = multiply(x_to_2_to[k], shift);
        k = (k + 1) % 31;
    }
    return multiply(shift, crc_a) ^ crc_b;
}

uint32_t
pmi_crc32c_copy(uint32_t crc, void *restrict dst, const void *restrict src, size_t n)
{
    pmi_assert((dst != NULL && src != NULL) || n == 0);
    uint8_t *to = dst;
    const uint8_t *from = src;
    while (n > 0) {
        const size_t block = pmi_min(n, COPY_BLOCK_BYTES);
        memcpy(to, from, block);
        crc = pmi_crc32c(crc, to, block); /* not of src: it may be somebody else's to change */
        to += block;
        from += block;
        n -= block;
    }
    return crc;
}

#if HAVE_NT
/* n is a multiple of a line and `to` starts one. */
static void
stream_lines(uint8_t *to, const uint8_t *from, size_t n)
{
    pmi_assert((uintptr_t)to % LINE_BYTES == 0);
    pmi_assert(n % LINE_BYTES == 0);
    for (; n > 0; n -= LINE_BYTES, to += LINE_BYTES, from += LINE_BYTES) {
        const __m128i a = _mm_loadu_si128((const void *)from);
        const __m128i b = _mm_loadu_si128((const void *)(from + 16));
        const __m128i c = _mm_loadu_si128((const void *)(from + 32));
        const __m128i d = _mm_loadu_si128((const void *)(from + 48));
        _mm_stream_si128((void *)to, a);
        _mm_stream_si128((void *)(to + 16), b);
        _mm_stream_si128((void *)(to + 32), c);
        _mm_stream_si128((void *)(to + 48), d);
    }
}

void
pmi_copy_nt(void *restrict dst, const void *restrict src, size_t n)
{
    pmi_assert((dst != NULL && src != NULL) || n == 0);
    if (n < PMI_COPY_NT_MIN_BYTES) {
        if (n > 0)
            memcpy(dst, src, n);
        return; /* plain stores need no fence among themselves */
    }
    uint8_t *to = dst;
    const uint8_t *from = src;
    const size_t head = -(uintptr_t)to & (LINE_BYTES - 1);
    const size_t lines = pmi_align_down(n - head, LINE_BYTES);
    const size_t tail = n - head - lines;
    memcpy(to, from, head);
    stream_lines(to + head, from + head, lines);
    memcpy(to + head + lines, from + head + lines, tail);
    _mm_sfence();
}
#else
void
pmi_copy_nt(void *restrict dst, const void *restrict src, size_t n)
{
    pmi_assert((dst != NULL && src != NULL) || n == 0);
    if (n > 0)
        memcpy(dst, src, n);
}
#endif
