/* SPDX-License-Identifier: BSD-3-Clause */
/* What a whole reply means for its op. */
#ifndef PMI_CLIENT_COMPLETE_H
#define PMI_CLIENT_COMPLETE_H

#include "client/control.h"
#include "client/flow.h"

/*
 * Can this reply header belong to this op? Checks lengths and counts against what was asked,
 * and keeps a READ's checksums in the op. 0 or PMEMD_E_PROTO.
 */
__attribute__((warn_unused_result)) int complete_check(const struct flow *f, struct op *op,
                                                       const struct hot_reply *reply,
                                                       uint32_t payload_len);

/*
 * Header and payload are here. `crcs` is scratch for WIRE_CRCS_MAX.
 * 0, or PMEMD_E_PROTO, PMEMD_E_CLOSING: the connection is of no more use.
 */
__attribute__((warn_unused_result)) int
complete_hot(struct flow *f, struct op *op, const struct hot_reply *reply, uint32_t *crcs);

/* The same for the verbs whose reply is all header. */
__attribute__((warn_unused_result)) int complete_control(struct flow *f, struct control *k,
                                                         struct op *op, const void *header,
                                                         size_t len);

#endif
