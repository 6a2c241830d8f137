/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Error codes of pmemd. Every call returns 0 (or a count), a negated kernel errno, or one of
 * these. errors.def says what each means; pmemd_strerror() gives its text.
 */
#ifndef PMEMD_ERRORS_H
#define PMEMD_ERRORS_H

enum pmemd_error {
#define PMEMD_ERROR(name, number, wire, retryable, text) PMEMD_E_##name = -(number),
#include <pmemd/errors.def>
#undef PMEMD_ERROR
};

#endif
