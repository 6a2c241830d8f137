/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One line per event: `2026-11-23T02:53:10.123Z info conn.open peer=... key=value`.
 * Event names are stable and can be searched for; the rest is key=value. Lines go to a sink
 * that the owner of the process sets; without one nothing is formatted.
 */
#ifndef PMI_LOG_H
#define PMI_LOG_H

#include <stdbool.h>
#include <stddef.h>

/* Longest line, terminating NUL included; what does not fit is cut and ends with "...". */
#define PMI_LOG_LINE_BYTES 1024
/* Lines per second and event name, unless pmi_log_set_rate() says otherwise. */
#define PMI_LOG_RATE_DEFAULT 50

enum pmi_log_level {
    PMI_LOG_ERROR, /* something is lost or refused that should work */
    PMI_LOG_WARN,  /* works, but a human should look */
    PMI_LOG_INFO,  /* a human acts on it or audits it */
    PMI_LOG_DEBUG,
};

/*
 * Write one line. Drops it if there is no sink, if the level is above the limit, if this event
 * name used up its lines of the current second (the next line of that event then carries
 * suppressed=N), or if called from inside the sink. Control characters become '?'.
 *
 * event    borrowed for ever: a string literal like "conn.open"
 * fmt      "key=%s key2=%d", or NULL for none. Data of a peer goes through pmi_log_escape()
 * Thread   any; the sink sees one line at a time
 */
void pmi_log(enum pmi_log_level level, const char *event, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* True if a line of this level would be looked at; guards costly arguments. */
__attribute__((warn_unused_result)) bool pmi_log_enabled(enum pmi_log_level level);

/*
 * Set who gets the lines; fn NULL means nobody (the state at start).
 *
 * fn       gets the line without a newline, borrowed for the call. When this function returns,
 *          the former fn is not running and will not be called again, unless it is the former
 *          fn that makes this call.
 */
void pmi_log_set_sink(void (*fn)(void *arg, int level, const char *line), void *arg);

/* Highest level that is written; PMI_LOG_INFO at start. */
void pmi_log_set_level(enum pmi_log_level max);

/* Lines per second and event name; 0 = no limit. */
void pmi_log_set_rate(unsigned lines_per_s);

/* Report the suppressed counts of events that went quiet. For a timer, about once a second. */
void pmi_log_tick(void);

/* In the child after fork(): no sink, and no lock left held by a thread that is gone. */
void pmi_log_forked(void);

/* A sink: writes the line and a newline to stderr with one write(2). `arg` is ignored. */
void pmi_log_stderr(void *arg, int level, const char *line);

/* "error", "warn", "info" or "debug". */
__attribute__((warn_unused_result)) const char *pmi_log_level_name(enum pmi_log_level level);

/* The level of that name. 0 or -EINVAL. */
__attribute__((warn_unused_result)) int pmi_log_level_parse(const char *name,
                                                            enum pmi_log_level *ret);

/*
 * Copy `len` bytes of somebody else's data so that they are safe as a value in a line:
 * printable ASCII except space, '=', '"' and '\' stays, all else becomes \xHH. What does not
 * fit is cut and ends with "...". Always terminated if n > 0; never reads past len, never
 * writes past n. Returns dst, so that it can stand among the arguments of pmi_log().
 */
const char *pmi_log_escape(char *dst, size_t n, const void *src, size_t len);

#endif
