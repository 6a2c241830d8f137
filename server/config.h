/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the operator asked for: defaults, then the file, then the options, then the checks that
 * look at more than one key. Every sentence in `why` is complete; read as "pmemd: WHY".
 *
 * Errors of the calls below, unless they say otherwise:
 *   PMEMD_E_ARG          what was written is wrong (exit code 2)
 *   PMEMD_E_UNSUPPORTED  it names something that is not built into this version (4)
 *   PMEMD_E_CLASS        a region cannot be as durable as required (4)
 */
#ifndef SERVER_CONFIG_H
#define SERVER_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define CONFIG_LISTEN_MAX 16u
#define CONFIG_ADDR_BYTES 128u /* one address as text, NUL included */
#define CONFIG_REGIONS_MAX 64u
#define CONFIG_WHY_BYTES 512u      /* room for any sentence below */
#define CONFIG_FILE_MAX 1048576ull /* bytes of a configuration file */

/* Bits of config.disable, in the order of its words; the first five are enum ring_cap_bit. */
enum config_disable {
    CONFIG_NO_CLONE = 1u << 0,
    CONFIG_NO_REPORT_USAGE = 1u << 1,
    CONFIG_NO_SENDMSG_ZC_FIXED = 1u << 2,
    CONFIG_NO_ZC = 1u << 3,
    CONFIG_NO_FIXED = 1u << 4,
    CONFIG_NO_HUGETLB = 1u << 5,
};

enum config_source { CONFIG_FROM_DEFAULT, CONFIG_FROM_FILE, CONFIG_FROM_OPTION };

struct config_addrs {
    uint32_t count;
    char text[CONFIG_LISTEN_MAX][CONFIG_ADDR_BYTES]; /* as sock_addr_parse() takes them */
};

#define CONFIG_FIELD_SIZE(key, max) uint64_t key;
#define CONFIG_FIELD_COUNT(key, max) uint32_t key;
#define CONFIG_FIELD_DURATION(key, max) uint32_t key;
#define CONFIG_FIELD_BOOL(key, max) bool key;
#define CONFIG_FIELD_TEXT(key, max) char key[(max) + 1];
#define CONFIG_FIELD_WORD(key, max) uint32_t key;
#define CONFIG_FIELD_WORDS(key, max) uint32_t key;
#define CONFIG_FIELD_ADDRS(key, max) struct config_addrs key;

/* Places of the keys in config_keys(). */
#define CONFIG(section, key, type, unit, min, max, step, def, reload, words, text)             \
    CONFIG_##section##_##key,
enum config_key_index {
#include "server/config.def"
    CONFIG_KEY_N
};
#undef CONFIG

/* name, medium, size, path, journal; class is an enum pmemd_class. */
struct config_region {
#define CONFIG_FIELD_SERVER(...)
#define CONFIG_FIELD_REGION(type, key, max) CONFIG_FIELD_##type(key, max)
#define CONFIG(section, key, type, unit, min, max, step, def, reload, words, text)             \
    CONFIG_FIELD_##section(type, key, max)
#include "server/config.def"
#undef CONFIG_FIELD_SERVER
#undef CONFIG_FIELD_REGION
    enum config_source begun_by;  /* who named this region first */
    uint8_t set_by[CONFIG_KEY_N]; /* enum config_source of each key */
};

/* Fields as config.def lists them. `send` is an enum path_policy, `log_level` an enum
 * pmi_log_level, `disable` enum config_disable bits; `shards` is 1 or more after
 * config_finish(). */
struct config {
#define CONFIG_FIELD_SERVER(type, key, max) CONFIG_FIELD_##type(key, max)
#define CONFIG_FIELD_REGION(...)
#include "server/config.def"
#undef CONFIG_FIELD_SERVER
#undef CONFIG_FIELD_REGION
#undef CONFIG
    uint8_t set_by[CONFIG_KEY_N]; /* enum config_source of each key */
    uint32_t region_count;
    struct config_region regions[CONFIG_REGIONS_MAX];
};

/* The defaults, and no region. */
void config_init(struct config *c);

/* Add what a file says. Also -errno and PMEMD_E_TOOBIG where it cannot be read. The sentence
 * begins with FILE:LINE. */
int config_read_file(struct config *c, const char *path, char *why, size_t why_len)
    __attribute__((warn_unused_result));

/* The same for `len` bytes of text; `path` is for the sentences only. */
int config_read_text(struct config *c, const char *path, const char *text, size_t len,
                     char *why, size_t why_len) __attribute__((warn_unused_result));

/* Set a server key from the command line: replaces what the file said. A list grows when the
 * option is repeated, any other key may be given once. */
int config_option(struct config *c, const char *key, const char *value, char *why,
                  size_t why_len) __attribute__((warn_unused_result));

/* The value of --region: "name=demo,medium=mem,size=256M". Changes the region of the file of that
 * name, or adds one. */
int config_option_region(struct config *c, const char *value, char *why, size_t why_len)
    __attribute__((warn_unused_result));

/* Everything is set: check the whole and fill in what depends on it, like the number of shards
 * (`cpus` = CPUs this process may use). */
int config_finish(struct config *c, unsigned cpus, char *why, size_t why_len)
    __attribute__((warn_unused_result));

/* Write it as a file that gives the same configuration again. */
void config_print(const struct config *c, FILE *out);

/* Log it, a line per section, at debug. */
void config_log(const struct config *c);

#endif
