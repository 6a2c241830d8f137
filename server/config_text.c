/* SPDX-License-Identifier: BSD-3-Clause */
/* The configuration written out: as a file, and as the help of its options. */
#include "server/config_key.h"

#include <string.h>

#define HELP_INDENT 8u
#define HELP_COLUMNS 79u

static void
print_addrs(const char *key, const struct config_addrs *a, FILE *out)
{
    for (unsigned i = 0; i < a->count; i++)
        (void)fprintf(out, "%s = %s\n", key, a->text[i]);
}

static void
print_section(enum config_section section, const void *base, FILE *out)
{
    char value[CONFIG_VALUE_BYTES];
    for (unsigned i = 0; i < CONFIG_KEY_N; i++) {
        const struct config_key *k = config_key_at(i);
        /* The name stands in the header; what is refused when given is not printed. */
        if (k->section != section || i == CONFIG_REGION_name || i == CONFIG_REGION_journal)
            continue;
        if (i == CONFIG_SERVER_listen) { /* a line each: a line's length is limited */
            print_addrs(k->name, &((const struct config *)base)->listen, out);
            continue;
        }
        (void)config_value_format(k, base, value);
        if (value[0] != '\0' || k->type == CONFIG_TYPE_WORDS)
            (void)fprintf(out, "%s =%s%s\n", k->name, value[0] != '\0' ? " " : "", value);
    }
}

void
config_print(const struct config *c, FILE *out)
{
    (void)fprintf(out, "[server]\n");
    print_section(CONFIG_SECTION_SERVER, c, out);
    for (unsigned i = 0; i < c->region_count; i++) {
        (void)fprintf(out, "\n[region %s]\n", c->regions[i].name);
        print_section(CONFIG_SECTION_REGION, &c->regions[i], out);
    }
}

void
config_help_option(FILE *out, const char *option, const char *text)
{
    unsigned column = HELP_COLUMNS; /* so that the first word begins a line */
    (void)fprintf(out, "  %s", option);
    while (*text != '\0') {
        const size_t n = strcspn(text, " ");
        if (column + 1 + n > HELP_COLUMNS) {
            (void)fprintf(out, "\n%*s%.*s", (int)HELP_INDENT, "", (int)n, text);
            column = HELP_INDENT + (unsigned)n;
        } else {
            (void)fprintf(out, " %.*s", (int)n, text);
            column += 1 + (unsigned)n;
        }
        text += n + (text[n] == ' ');
    }
    (void)fprintf(out, "\n");
}

static const char *
value_name(const struct config_key *k)
{
    switch (k->type) {
    case CONFIG_TYPE_SIZE:
        return " SIZE";
    case CONFIG_TYPE_COUNT:
    case CONFIG_TYPE_DURATION:
        return " N";
    case CONFIG_TYPE_BOOL:
        return "";
    case CONFIG_TYPE_TEXT:
        return " TEXT";
    case CONFIG_TYPE_WORD:
    case CONFIG_TYPE_WORDS:
        return " ";
    case CONFIG_TYPE_ADDRS:
        return " ADDRESS";
    }
    return "";
}

void
config_help(FILE *out)
{
    for (unsigned i = 0; i < CONFIG_KEY_N; i++) {
        const struct config_key *k = config_key_at(i);
        char option[160], text[512];
        if (k->section != CONFIG_SECTION_SERVER)
            continue;
        (void)config_say(0, option, sizeof option, "--%s%s%s", k->name, value_name(k),
                         k->words);
        for (char *p = option; *p != '\0' && *p != ' '; p++)
            *p = *p == '_' ? '-' : *p;
        (void)config_say(0, text, sizeof text, "%s%s%s", k->text,
                         k->def[0] != '\0' ? "; default " : "", k->def);
        config_help_option(out, option, text);
    }
}
