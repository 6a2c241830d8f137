/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Goal: every malformed URI is refused with a sentence that helps and betrays no secret, and
 * the output stays untouched.
 * Method: one bad text per rule, with words its sentence must hold; passwords in all places;
 * random damage to good texts in buffers of exact size.
 */
#include "tests/lib/test.h"

#include "common/uri.h"

#include <pmemd/errors.h>

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WHY_BYTES 200
#define DAMAGED_COUNT 100000

/* One bad text per rule, and words its sentence must hold. */
static const struct {
    const char *text, *words;
} rules[] = {
    {NULL, "empty"},
    {"", "empty"},
    {"localhost/demo", "starts with pmemd://"},
    {"http://h/r", "starts with pmemd://"},
    {"pmemd:/h/r", "starts with pmemd://"},
    {"pmemd:", "starts with pmemd://"},
    {"pmem://h", "starts with pmemd://"},
    {"pmemdx://h", "starts with pmemd://"},
    {"://h", "starts with pmemd://"},
    {"pmemd://h/a b", "byte 12 "},
    {"pmemd://h/\xc3\xa4", "byte 11 "},
    {"pmemd://h/r\n", "byte 12 "},
    {"pmemd://h/r#x", "fragment"},
    {"pmemd://me@h/r", "no user or password"},
    {"pmemd://me:pw@h/r", "no user or password"},
    {"pmemd://@h/r", "no user or password"},
    {"pmemd://", "host 1 has no name"},
    {"pmemd:///r", "host 1 has no name"},
    {"pmemd://?class=volatile", "host 1 has no name"},
    {"pmemd://a,,b/r", "host 2 has no name"},
    {"pmemd://a,/r", "host 2 has no name"},
    {"pmemd://:7173/r", "host 1 has no name"},
    {"pmemd://a,b,c,d,e,f,g,h,i/r", "more than 8 hosts"},
    {"pmemd://-a/r", "neither a DNS name"},
    {"pmemd://a%20b/r", "neither a DNS name"},
    {"pmemd://a%40b/r", "neither a DNS name"},
    {"pmemd://a:/r", "port of host 1"},
    {"pmemd://a:0/r", "port of host 1"},
    {"pmemd://a:65536/r", "port of host 1"},
    {"pmemd://a:99999999999999999999/r", "port of host 1"},
    {"pmemd://a:4294974469/r", "port of host 1"}, /* 2^32 + 7173 */
    {"pmemd://a,b:-1/r", "port of host 2"},
    {"pmemd://a:1x/r", "port of host 1"},
    {"pmemd://a:x1/r", "port of host 1"},
    {"pmemd://::1/r", "IPv6 stands in brackets"},
    {"pmemd://[::1/r", "brackets of host 1"},
    {"pmemd://[::1]7173/r", "brackets of host 1"},
    {"pmemd://[::1]:/r", "port of host 1"},
    {"pmemd://[]/r", "host 1 is not an IPv6 address"},
    {"pmemd://[1.2.3.4]/r", "host 1 is not an IPv6 address"},
    {"pmemd://[::g]/r", "host 1 is not an IPv6 address"},
    {"pmemd://[1:2:3:4:5:6:7:8:9]/r", "host 1 is not an IPv6 address"},
    {"pmemd://[11111111112222222222333333333344444444445555555555::]/r",
     "host 1 is not an IPv6 address"},
    {"pmemd://[fe80::1%25]/r", "zone of host 1"},
    {"pmemd://[fe80::1%25a%20b]/r", "zone of host 1"},
    {"pmemd://[fe80::1%25abcdefghijklmnop]/r", "zone of host 1"},
    {"pmemd://[fe80::1%eth0]/r", "'%' must be followed"},
    {"pmemd://h/%", "'%' must be followed"},
    {"pmemd://h/%4", "'%' must be followed"},
    {"pmemd://h/%4g", "'%' must be followed"},
    {"pmemd://h/%g4", "'%' must be followed"},
    {"pmemd://h/a%00b", "control character"},
    {"pmemd://h/a%0ab", "control character"},
    {"pmemd+unix:///a%7fb", "control character"},
    {"pmemd://h/a/b", "region name is letters"},
    {"pmemd://h/r/", "region name is letters"},
    {"pmemd://h//", "region name is letters"},
    {"pmemd://h/.hidden", "region name is letters"},
    {"pmemd://h/..", "region name is letters"},
    {"pmemd://h/%2e%2e", "region name is letters"},
    {"pmemd://h/a%2fb", "region name is letters"},
    {"pmemd://h/r?", "query key '' is unknown"},
    {"pmemd://h/r?class=volatile&", "query key '' is unknown"},
    {"pmemd://h/r?klass=volatile", "query key 'klass' is unknown"},
    {"pmemd://h/r?Class=volatile", "query key 'Class' is unknown"},
    {"pmemd://h/r?class", "'class' has no value"},
    {"pmemd://h/r?class=", "'class' has no value"},
    {"pmemd://h/r?class=any", "one of volatile"},
    {"pmemd://h/r?class=POWER-SAFE", "one of volatile"},
    {"pmemd://h/r?class=volatile=1", "one of volatile"},
    {"pmemd://h/r?class=volatile&class=volatile", "'class' is given twice"},
    {"pmemd://h/?region=r", "'region' is for pmemd+unix://"},
    {"pmemd+unix://h/s", "absolute path"},
    {"pmemd+unix://", "absolute path"},
    {"pmemd+unix://?region=r", "absolute path"},
    {"pmemd+unix:///", "absolute path"},
    {"pmemd+unix:///run/", "absolute path"},
    {"pmemd+unix://%2fs", "absolute path"},
    {"pmemd+unix:///s?region=", "'region' has no value"},
    {"pmemd+unix:///s?region=a/b", "region name is letters"},
    {"pmemd+unix:///s?region=a&region=a", "'region' is given twice"},
};

/* Refuse `text`; its sentence is left in why. */
static void
refuse(const char *text, char why[static WHY_BYTES])
{
    static struct pmi_uri before, u;
    memset(&u, 0xee, sizeof u);
    before = u;
    why[0] = '\0';
    const int rc = pmi_uri_parse(text, &u, why, WHY_BYTES);
    if (rc == 0)
        print_message("accepted: %s\n", text);
    assert_int_equal(rc, PMEMD_E_ARG);
    assert_memory_equal(&u, &before, sizeof u);
    assert_true(strlen(why) > 10);
    assert_true(strlen(why) < WHY_BYTES - 1); /* none needed cutting */
}

static void
each_rule_has_its_sentence(void **state)
{
    (void)state;
    for (size_t i = 0; i < TEST_COUNT(rules); i++) {
        char why[WHY_BYTES];
        refuse(rules[i].text, why);
        if (strstr(why, rules[i].words) == NULL)
            fail_msg("%s: \"%s\" does not say \"%s\"", rules[i].text, why, rules[i].words);
    }
}

static void
limits_hold(void **state)
{
    (void)state;
    static char text[PMI_URI_TEXT_MAX + 2];
    char name[400], why[WHY_BYTES];
    memset(name, 'n', sizeof name);
    name[PMI_REGION_NAME_BYTES] = '\0';
    (void)snprintf(text, sizeof text, "pmemd://h/%s", name);
    refuse(text, why);
    assert_non_null(strstr(why, "region name is longer than 128 bytes"));

    memset(name, 'h', sizeof name);
    name[254] = '\0';
    (void)snprintf(text, sizeof text, "pmemd://%s/r", name);
    refuse(text, why);
    assert_non_null(strstr(why, "name of host 1 is longer than 253 bytes"));
    name[254] = 'h';
    name[399] = '\0';
    (void)snprintf(text, sizeof text, "pmemd://%s/r", name);
    refuse(text, why);
    assert_non_null(strstr(why, "the host is longer"));

    name[0] = '/';
    name[PMI_URI_PATH_BYTES] = '\0';
    (void)snprintf(text, sizeof text, "pmemd+unix://%s", name);
    refuse(text, why);
    assert_non_null(strstr(why, "socket path is longer than 107 bytes"));

    memset(text, 'x', sizeof text - 1);
    memcpy(text, "pmemd://", 8);
    refuse(text, why);
    assert_non_null(strstr(why, "the URI is longer than 4096 bytes"));
}

static void
no_secret_in_a_sentence(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "pmemd://me:hunter2@h/r",        "pmemd://hunter2@h/r",
        "pmemd://h:hunter2/r",           "pmemd://me:hunter2/x@h/r",
        "pmemd://h/r?token=hunter2",     "pmemd://h/hunter2%00",
        "pmemd://h/r?class=hunter2",     "hunter2://h/r",
        "pmemd+unix://hunter2@/s",       "pmemd://[hunter2]/r",
        "pmemd://h/r?password=hunter2&", "pmemd://h/r#hunter2",
    };
    for (size_t i = 0; i < TEST_COUNT(texts); i++) {
        char why[WHY_BYTES];
        refuse(texts[i], why);
        assert_null(strstr(why, "hunter2"));
    }
}

static void
long_keys_are_cut_in_the_sentence(void **state)
{
    (void)state;
    char text[600], why[WHY_BYTES];
    (void)snprintf(text, sizeof text, "pmemd://h/r?%0500d=1", 0);
    refuse(text, why);
    assert_non_null(strstr(why, "...' is unknown"));
}

static void
any_room_for_the_sentence_is_kept(void **state)
{
    (void)state;
    struct pmi_uri u;
    assert_int_equal(pmi_uri_parse("x", &u, NULL, 0), PMEMD_E_ARG);
    for (size_t n = 1; n < 100; n++) {
        char *why = malloc(n);
        assert_non_null(why);
        assert_int_equal(pmi_uri_parse("x", &u, why, n), PMEMD_E_ARG);
        assert_true(strnlen(why, n) < n);
        free(why);
    }
}

/* Change up to three bytes of a good URI, and perhaps its length. */
static char *
damaged(unsigned *seed)
{
    static const char *const good[] = {
        "pmemd://a.example:7173,[fe80::1%25eth0]:80,10.0.0.1/demo-1?class=power-safe",
        "pmemd+unix:///run/pmemd/p%20q.sock?region=demo&class=volatile",
        "pmemds://h",
    };
    static const char alphabet[] = "a0/:?#[]@%&=,.-_\x01\xff 2Fp";
    const char *text = good[(unsigned)rand_r(seed) % TEST_COUNT(good)];
    size_t len = strlen(text);
    char *copy = malloc(len + 1);
    assert_non_null(copy);
    memcpy(copy, text, len + 1);
    for (unsigned i = (unsigned)rand_r(seed) % 4; i > 0; i--)
        copy[(unsigned)rand_r(seed) % len] =
            alphabet[(unsigned)rand_r(seed) % (sizeof alphabet - 1)];
    if (rand_r(seed) % 4 == 0) {
        len = (unsigned)rand_r(seed) % len;
        copy[len] = '\0';
        copy = realloc(copy, len + 1);
        assert_non_null(copy);
    }
    return copy;
}

static void
random_damage_is_survived(void **state)
{
    (void)state;
    unsigned seed = 42, accepted = 0;
    for (unsigned i = 0; i < DAMAGED_COUNT; i++) {
        char *text = damaged(&seed);
        struct pmi_uri u;
        char why[WHY_BYTES] = "";
        const int rc = pmi_uri_parse(text, &u, why, sizeof why);
        if (rc == 0) {
            accepted++;
            assert_true(u.region[0] == '\0' || pmi_region_name_ok(u.region));
            assert_true((u.scheme == PMI_URI_UNIX) == (u.path[0] == '/'));
            assert_true((u.scheme == PMI_URI_UNIX) == (u.host_count == 0));
            for (uint32_t h = 0; h < u.host_count; h++)
                assert_true(u.hosts[h].name[0] != '\0' && u.hosts[h].port != 0);
        } else {
            assert_int_equal(rc, PMEMD_E_ARG);
            for (const char *p = why; *p != '\0'; p++)
                assert_true(isprint((unsigned char)*p));
        }
        free(text);
    }
    assert_true(accepted > DAMAGED_COUNT / 20 && accepted < DAMAGED_COUNT * 9 / 10);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_rule_has_its_sentence),
        cmocka_unit_test(limits_hold),
        cmocka_unit_test(no_secret_in_a_sentence),
        cmocka_unit_test(long_keys_are_cut_in_the_sentence),
        cmocka_unit_test(any_room_for_the_sentence_is_kept),
        cmocka_unit_test(random_damage_is_survived),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
