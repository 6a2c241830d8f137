/* SPDX-License-Identifier: BSD-3-Clause */
/* config.def as data, and the text form of each type: what the other config files share. */
#ifndef SERVER_CONFIG_KEY_H
#define SERVER_CONFIG_KEY_H

#include "server/config.h"

enum config_section { CONFIG_SECTION_SERVER, CONFIG_SECTION_REGION };

enum config_type {
    CONFIG_TYPE_SIZE,
    CONFIG_TYPE_COUNT,
    CONFIG_TYPE_DURATION,
    CONFIG_TYPE_BOOL,
    CONFIG_TYPE_TEXT,
    CONFIG_TYPE_WORD,
    CONFIG_TYPE_WORDS,
    CONFIG_TYPE_ADDRS,
};

struct config_key {
    const char *name, *unit, *def, *words, *text;
    enum config_section section;
    enum config_type type;
    bool reloadable;
    uint64_t min, max, step;
    size_t offset; /* in struct config or struct config_region */
};

/* Room for the text of any value. */
#define CONFIG_VALUE_BYTES ((size_t)CONFIG_LISTEN_MAX * CONFIG_ADDR_BYTES)

/* i < CONFIG_KEY_N, an enum config_key_index. */
const struct config_key *config_key_at(unsigned i);

/* CONFIG_KEY_N if there is none. */
unsigned config_key_find(enum config_section section, const char *name);

/* May it be given more than once? */
bool config_key_is_list(const struct config_key *k);

/*
 * Parse `text` into the field of the struct at `base`. `append`: add to a list, do not replace
 * it. PMEMD_E_ARG with a sentence that names the key; the field is then unchanged, or a list is
 * without its last words.
 */
int config_value_set(const struct config_key *k, void *base, const char *text, bool append,
                     char *why, size_t why_len) __attribute__((warn_unused_result));

/* The value as config_value_set() takes it, lists with commas. Returns out. */
const char *config_value_format(const struct config_key *k, const void *base,
                                char out[static CONFIG_VALUE_BYTES]);

/* The word most like another one, of those seen so far. */
struct config_nearest {
    const char *word; /* borrowed: what was written */
    const char *best; /* borrowed: NULL before the first */
    unsigned distance;
};
void config_nearest_see(struct config_nearest *n, const char *known);

/* Write the options' help: a paragraph per key of the server. */
void config_help(FILE *out);

/* Write one option and its text, wrapped. */
void config_help_option(FILE *out, const char *option, const char *text);

/* Format into why, cut where it does not fit, control characters as '?'. Returns err, so that it
 * can end a function. */
int config_say(int err, char *why, size_t why_len, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

/* Where the file puts what it reads. */
int config_region_begin(struct config *c, const char *name, enum config_source source,
                        struct config_region **ret, char *why, size_t why_len)
    __attribute__((warn_unused_result));
int config_set_server(struct config *c, const char *key, const char *value,
                      enum config_source source, char *why, size_t why_len)
    __attribute__((warn_unused_result));
int config_set_region(struct config_region *rg, const char *key, const char *value,
                      enum config_source source, char *why, size_t why_len)
    __attribute__((warn_unused_result));

#endif
