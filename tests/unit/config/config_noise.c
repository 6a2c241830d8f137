/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Goal: no file and no option, however broken, does more than get a sentence.
 * Method: random bytes, random mixtures of the words that mean something, and a good file with a
 * few bytes changed. Every refusal has a code and a sentence; whatever is accepted can be printed
 * and read again. Seeds are fixed; CONFIG_SEED in the environment runs one more.
 */
#include "tests/unit/config/desk.h"

#define ROUNDS 20000u
#define TEXT_MAX 700u

static uint64_t seed;

static uint64_t
below(uint64_t limit)
{
    seed ^= seed >> 12;
    seed ^= seed << 25;
    seed ^= seed >> 27;
    return (seed * 0x2545f4914f6cdd1dull >> 16) % limit;
}

static size_t
random_bytes(char *text)
{
    const size_t len = below(TEXT_MAX);
    for (size_t i = 0; i < len; i++)
        text[i] = (char)below(256);
    return len;
}

static size_t
random_words(char *text)
{
    static const char *const words[] = {
        "[server]\n",
        "[region a]\n",
        "[region b]\n",
        "size",
        "listen",
        "shards",
        "disable",
        "medium",
        "class",
        "send",
        "=",
        " = ",
        ":",
        "\n",
        "\n",
        "\n",
        ";",
        "#",
        ",",
        "1M",
        "64K",
        "0",
        "zc",
        "127.0.0.1",
        "[::1]",
        "]",
        "[",
        "\r\n",
        " ",
        "\t",
        "mem",
        "auto",
        "any",
        "-1",
        "\xef\xbb\xbf",
        "stage_max",
        "yes",
        "path",
        "name",
        "journal",
        "99999999999999999999T",
    };
    size_t len = 0;
    for (uint64_t n = below(60); n > 0; n--) {
        const char *word = words[below(TEST_COUNT(words))];
        if (len + strlen(word) >= TEXT_MAX)
            break;
        (void)snprintf(text + len, TEXT_MAX - len, "%s", word);
        len += strlen(word);
    }
    return len;
}

static size_t
damaged_file(char *text)
{
    static const char good[] = "[server]\nlisten = 127.0.0.1:7173\nshards = 2\nsend = zc\n"
                               "stage_max = 32K ; half\ndisable = zc,clone\n\n"
                               "[region demo]\nsize = 256M\nclass = volatile\n";
    size_t len = sizeof good - 1;
    (void)snprintf(text, TEXT_MAX, "%s", good);
    for (uint64_t n = 1 + below(3); n > 0; n--) {
        const size_t at = below(len);
        if (below(2) == 0) {
            text[at] = (char)below(256);
        } else {
            memmove(text + at, text + at + 1, len - at - 1);
            len--;
        }
    }
    return len;
}

/* Accepted: what is printed of it reads the same. */
static void
read_again(const struct config *c)
{
    static struct config again;
    static char first[32768], second[32768];
    char why[CONFIG_WHY_BYTES] = "";
    FILE *f = fmemopen(first, sizeof first, "w");
    assert_non_null(f);
    config_print(c, f);
    assert_int_equal(fclose(f), 0);
    config_init(&again);
    if (config_read_text(&again, "printed", first, strlen(first), why, sizeof why) != 0)
        fail_msg("%s\n%s", why, first);
    f = fmemopen(second, sizeof second, "w");
    assert_non_null(f);
    config_print(&again, f);
    assert_int_equal(fclose(f), 0);
    assert_string_equal(first, second);
}

static unsigned
try_text(const char *text, size_t len)
{
    static struct config c;
    char why[CONFIG_WHY_BYTES] = "";
    char *exact = malloc(len > 0 ? len : 1); /* so that a read past the end is seen */
    assert_non_null(exact);
    memcpy(exact, text, len);
    config_init(&c);
    int rc = config_read_text(&c, "noise", exact, len, why, sizeof why);
    free(exact);
    if (rc == 0)
        rc = config_finish(&c, 4, why, sizeof why);
    assert_true(rc == 0 || rc == PMEMD_E_ARG || rc == PMEMD_E_UNSUPPORTED ||
                rc == PMEMD_E_CLASS);
    assert_int_equal(rc == 0, why[0] == '\0');
    for (const char *p = why; *p != '\0'; p++)
        assert_true((unsigned char)*p >= 0x20 && *p != 0x7f);
    if (rc == 0)
        read_again(&c);
    return rc == 0;
}

static void
run(uint64_t start)
{
    char text[TEXT_MAX];
    unsigned accepted = 0;
    seed = start;
    print_message("CONFIG_SEED=%llu\n", (unsigned long long)start);
    for (unsigned i = 0; i < ROUNDS; i++) {
        accepted += try_text(text, random_bytes(text));
        accepted += try_text(text, random_words(text));
        accepted += try_text(text, damaged_file(text));
    }
    assert_true(accepted > 0); /* a damaged comment leaves a good file */
}

static void
files_of_noise(void **state)
{
    (void)state;
    run(1);
    run(0x9e3779b97f4a7c15ull);
    /* NOLINTNEXTLINE(concurrency-mt-unsafe): there is one thread */
    const char *text = getenv("CONFIG_SEED");
    if (text != NULL && strtoull(text, NULL, 0) != 0)
        run(strtoull(text, NULL, 0));
}

static void
options_of_noise(void **state)
{
    (void)state;
    struct desk *d = desk_up();
    char line[TEXT_MAX + 16];
    seed = 7;
    for (unsigned i = 0; i < ROUNDS; i++) {
        static const char *const heads[] = {"--region ", "--listen=", "--disable ", "--",
                                            "",          "--size=",   "--shards "};
        char text[TEXT_MAX];
        size_t len = below(2) == 0 ? random_bytes(text) : random_words(text);
        len = len > 100 ? 100 : len; /* few enough words */
        for (size_t k = 0; k < len; k++)
            if (text[k] == '\0')
                text[k] = 'x';
        (void)snprintf(line, sizeof line, "%s%.*s", heads[below(TEST_COUNT(heads))], (int)len,
                       text);
        const int code = desk_run(d, line);
        if (code == SERVER_OK || code == OPTIONS_SERVE)
            continue;
        assert_true(code == SERVER_USAGE || code == SERVER_REFUSED);
        assert_memory_equal(d->err, "pmemd: ", 7);
        assert_string_equal(d->out, "");
    }
    desk_down(d);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(files_of_noise),
        cmocka_unit_test(options_of_noise),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
