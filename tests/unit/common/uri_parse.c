/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Goal: every form of URI that the manual shows is understood, with its defaults.
 * Method: good texts, field by field; limits reached exactly.
 */
#include "tests/lib/test.h"

#include "common/uri.h"

#include <stdio.h>
#include <string.h>

static struct pmi_uri
parse(const char *text)
{
    struct pmi_uri u;
    char why[200] = "";
    memset(&u, 0xee, sizeof u);
    const int rc = pmi_uri_parse(text, &u, why, sizeof why);
    if (rc != 0)
        print_message("%s: %s\n", text, why);
    assert_int_equal(rc, 0);
    assert_string_equal(why, "");
    return u;
}

static void
expect_host(const struct pmi_uri *u, uint32_t i, const char *name, uint16_t port, bool ipv6)
{
    assert_true(i < u->host_count);
    assert_string_equal(u->hosts[i].name, name);
    assert_int_equal(u->hosts[i].port, port);
    assert_int_equal(u->hosts[i].ipv6, ipv6);
}

static void
full_tcp_form(void **state)
{
    (void)state;
    const struct pmi_uri u = parse("pmemd://db1.example:7000/demo?class=power-safe");
    assert_int_equal(u.scheme, PMI_URI_TCP);
    assert_int_equal(u.host_count, 1);
    expect_host(&u, 0, "db1.example", 7000, false);
    assert_string_equal(u.region, "demo");
    assert_string_equal(u.path, "");
    assert_int_equal(u.class_min, PMI_URI_CLASS_POWER_SAFE);
}

static void
defaults(void **state)
{
    (void)state;
    const struct pmi_uri u = parse("pmemd://localhost/demo");
    expect_host(&u, 0, "localhost", PMI_URI_PORT_DEFAULT, false);
    assert_int_equal(u.class_min, PMI_URI_CLASS_ANY);
}

static void
region_may_be_absent(void **state)
{
    (void)state;
    assert_string_equal(parse("pmemd://localhost").region, "");
    assert_string_equal(parse("pmemd://localhost/").region, "");
    assert_string_equal(parse("pmemd://localhost:1?class=volatile").region, "");
    assert_string_equal(parse("pmemd+unix:///run/pmemd.sock").region, "");
}

static void
tls_and_case_of_the_scheme(void **state)
{
    (void)state;
    assert_int_equal(parse("pmemds://h/r").scheme, PMI_URI_TLS);
    assert_int_equal(parse("PMEMD://h/r").scheme, PMI_URI_TCP);
    assert_int_equal(parse("Pmemd+Unix:///s").scheme, PMI_URI_UNIX);
}

static void
several_hosts(void **state)
{
    (void)state;
    const struct pmi_uri u = parse("pmemd://a:1,b,[::1],10.0.0.2:65535,[fe80::1]:80/r");
    assert_int_equal(u.host_count, 5);
    expect_host(&u, 0, "a", 1, false);
    expect_host(&u, 1, "b", PMI_URI_PORT_DEFAULT, false);
    expect_host(&u, 2, "::1", PMI_URI_PORT_DEFAULT, true);
    expect_host(&u, 3, "10.0.0.2", 65535, false);
    expect_host(&u, 4, "fe80::1", 80, true);
    assert_int_equal(parse("pmemd://a,b,c,d,e,f,g,h").host_count, PMI_URI_HOSTS_MAX);
}

static void
ipv6_forms(void **state)
{
    (void)state;
    struct pmi_uri u = parse("pmemd://[2001:db8:1:2:3:4:5:6]/r");
    expect_host(&u, 0, "2001:db8:1:2:3:4:5:6", PMI_URI_PORT_DEFAULT, true);
    u = parse("pmemd://[::ffff:1.2.3.4]:9/r");
    expect_host(&u, 0, "::ffff:1.2.3.4", 9, true);
    u = parse("pmemd://[fe80::1%25eth0.5]:9/r");
    expect_host(&u, 0, "fe80::1%eth0.5", 9, true);
}

static void
unix_form(void **state)
{
    (void)state;
    const struct pmi_uri u =
        parse("pmemd+unix:///run/a@b/p%20q.sock?class=restart-safe&region=x.1");
    assert_int_equal(u.scheme, PMI_URI_UNIX);
    assert_int_equal(u.host_count, 0);
    assert_string_equal(u.path, "/run/a@b/p q.sock");
    assert_string_equal(u.region, "x.1");
    assert_int_equal(u.class_min, PMI_URI_CLASS_RESTART_SAFE);
}

static void
escapes(void **state)
{
    (void)state;
    const struct pmi_uri u = parse("pmemd://%6c%6Fcalhost/d%65mo?class=power%2Dsafe");
    expect_host(&u, 0, "localhost", PMI_URI_PORT_DEFAULT, false);
    assert_string_equal(u.region, "demo");
    assert_int_equal(u.class_min, PMI_URI_CLASS_POWER_SAFE);
    assert_string_equal(parse("pmemd+unix:///a%3Fb%23c%2f%C3%A4").path, "/a?b#c/\xc3\xa4");
}

static void
limits_are_inclusive(void **state)
{
    (void)state;
    char text[512], name[300];
    memset(name, 'n', sizeof name);
    name[PMI_REGION_NAME_BYTES - 1] = '\0';
    (void)snprintf(text, sizeof text, "pmemd://h/%s", name);
    assert_string_equal(parse(text).region, name);

    memset(name, 'h', sizeof name);
    name[253] = '\0';
    (void)snprintf(text, sizeof text, "pmemd://%s/r", name);
    assert_string_equal(parse(text).hosts[0].name, name);

    memset(name, 'p', sizeof name);
    name[0] = '/';
    name[PMI_URI_PATH_BYTES - 1] = '\0';
    (void)snprintf(text, sizeof text, "pmemd+unix://%s", name);
    assert_string_equal(parse(text).path, name);
}

static void
region_names(void **state)
{
    (void)state;
    static const char *const good[] = {"a", "Z", "0", "a.b", "a-b", "a_b", "9..", "A--_"};
    static const char *const bad[] = {"",  ".",   "..",  "-a",  "_a",    ".a",
                                      "/", "a/b", "a b", "a\n", "a\xc3", "a%41"};
    char name[PMI_REGION_NAME_BYTES + 1];
    for (size_t i = 0; i < TEST_COUNT(good); i++)
        assert_true(pmi_region_name_ok(good[i]));
    for (size_t i = 0; i < TEST_COUNT(bad); i++)
        assert_false(pmi_region_name_ok(bad[i]));
    memset(name, 'x', sizeof name);
    name[PMI_REGION_NAME_BYTES] = '\0';
    assert_false(pmi_region_name_ok(name));
    assert_true(pmi_region_name_ok(name + 1));
}

static void
class_names(void **state)
{
    (void)state;
    assert_string_equal(pmi_uri_class_name(PMI_URI_CLASS_ANY), "any");
    assert_string_equal(pmi_uri_class_name(PMI_URI_CLASS_VOLATILE), "volatile");
    assert_string_equal(pmi_uri_class_name(PMI_URI_CLASS_RESTART_SAFE), "restart-safe");
    assert_string_equal(pmi_uri_class_name(PMI_URI_CLASS_POWER_SAFE), "power-safe");
    assert_int_equal(parse("pmemd://h/r?class=volatile").class_min, PMI_URI_CLASS_VOLATILE);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(full_tcp_form),
        cmocka_unit_test(defaults),
        cmocka_unit_test(region_may_be_absent),
        cmocka_unit_test(tls_and_case_of_the_scheme),
        cmocka_unit_test(several_hosts),
        cmocka_unit_test(ipv6_forms),
        cmocka_unit_test(unix_form),
        cmocka_unit_test(escapes),
        cmocka_unit_test(limits_are_inclusive),
        cmocka_unit_test(region_names),
        cmocka_unit_test(class_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
