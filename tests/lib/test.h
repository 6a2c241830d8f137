/* SPDX-License-Identifier: BSD-3-Clause */
/* cmocka, after the four headers it needs but does not include. Tests include this one. */
#ifndef PMI_TEST_H
#define PMI_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* Exit code of a test program that this host cannot run; print why first. */
#define TEST_SKIPPED 77

/* Items of an array that is in scope. */
#define TEST_COUNT(array) (sizeof(array) / sizeof((array)[0]))

#endif
