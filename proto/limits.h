/* SPDX-License-Identifier: BSD-3-Clause */
/* Limits of protocol version 1 (docs/protocol.md). A server may announce less in HELLO. */
#ifndef PMI_PROTO_LIMITS_H
#define PMI_PROTO_LIMITS_H

#define WIRE_VERSION 1u
#define WIRE_PREFIX_BYTES 32u
#define WIRE_HEADER_MAX (32u << 10)  /* bytes */
#define WIRE_PAYLOAD_MAX (16u << 20) /* bytes of one READ or WRITE */
#define WIRE_EXTENTS_MAX 1024u       /* per request */
#define WIRE_PIECE_BYTES (1u << 20)  /* a checksum covers at most this much (P5.1) */
#define WIRE_CRCS_MAX (WIRE_EXTENTS_MAX + WIRE_PAYLOAD_MAX / WIRE_PIECE_BYTES)
#define WIRE_ZERO_MAX (1ull << 30) /* bytes of one ZERO */
#define WIRE_PORT 7173u
#define WIRE_NAME_MAX 128u /* bytes of a region's name */

#endif
