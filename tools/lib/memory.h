/* SPDX-License-Identifier: BSD-3-Clause */
/* Memory for payloads. */
#ifndef TOOL_MEMORY_H
#define TOOL_MEMORY_H

#include <stddef.h>

/*
 * `bytes` of zeroed memory that starts on a huge-page boundary, on huge pages where the kernel
 * gives them, every page touched, so that no run measures page faults. NULL when the host has
 * not enough: asked beforehand, because the kernel would grant it and kill us at the touch.
 */
void *tool_memory_new(size_t bytes) __attribute__((warn_unused_result));

/* What tool_memory_new(bytes) gave; NULL is allowed. */
void tool_memory_free(void *data, size_t bytes);

#endif
