/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Goal: protobuf-c, which descends into messages without a limit, can only descend as deep as
 * the schema is; and payload never travels in protobuf.
 * Method: walk the descriptors of every message, the list of them held against the schema
 * file; the walk itself is shown two circles.
 */
#include "tests/lib/test.h"

#include "pmemd/v1/pmemd.pb-c.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define MESSAGES_MAX 32

static const ProtobufCMessageDescriptor *const messages[] = {
    &pmemd__v1__hello_request__descriptor, &pmemd__v1__limits__descriptor,
    &pmemd__v1__hello_reply__descriptor,   &pmemd__v1__open_request__descriptor,
    &pmemd__v1__open_reply__descriptor,    &pmemd__v1__region_info__descriptor,
    &pmemd__v1__counter__descriptor,       &pmemd__v1__stat_request__descriptor,
    &pmemd__v1__stat_reply__descriptor,    &pmemd__v1__list_request__descriptor,
    &pmemd__v1__list_reply__descriptor,    &pmemd__v1__refusal__descriptor,
};

/* The deepest of m's sub-messages, 0 without one; -1 while one of them is not settled. */
static int
depth_below(const ProtobufCMessageDescriptor *m, const ProtobufCMessageDescriptor *const *all,
            const int *depth, size_t count)
{
    int deepest = 0;
    for (unsigned f = 0; f < m->n_fields; f++) {
        if (m->fields[f].type != PROTOBUF_C_TYPE_MESSAGE)
            continue;
        size_t i = 0;
        while (i < count && all[i] != m->fields[f].descriptor)
            i++;
        if (i == count || depth[i] == 0)
            return -1;
        if (depth[i] > deepest)
            deepest = depth[i];
    }
    return deepest;
}

/*
 * How deep the deepest of these messages nests. A message settles when its sub-messages have;
 * one that contains itself, through whatever others, never does: -1.
 */
static int
depth_of(const ProtobufCMessageDescriptor *const *all, size_t count)
{
    int depth[MESSAGES_MAX] = {0}, deepest = 0;
    size_t settled = 0;
    for (size_t round = 0; round < count; round++) {
        for (size_t i = 0; i < count; i++) {
            const int below = depth[i] == 0 ? depth_below(all[i], all, depth, count) : -1;
            if (below < 0)
                continue;
            depth[i] = below + 1;
            if (depth[i] > deepest)
                deepest = depth[i];
            settled++;
        }
    }
    return settled == count ? deepest : -1;
}

static void
no_message_contains_itself(void **state)
{
    (void)state;
    assert_true(TEST_COUNT(messages) <= MESSAGES_MAX);
    assert_int_equal(depth_of(messages, TEST_COUNT(messages)), 2); /* a reply, its pieces */
}

static void
circles_are_seen(void **state)
{
    (void)state;
    ProtobufCFieldDescriptor fields[3];
    ProtobufCMessageDescriptor chain[3];
    const ProtobufCMessageDescriptor *const all[] = {&chain[0], &chain[1], &chain[2]};
    for (size_t i = 0; i < 3; i++) {
        fields[i] = (ProtobufCFieldDescriptor){.type = PROTOBUF_C_TYPE_MESSAGE,
                                               .descriptor = &chain[(i + 1) % 3]};
        chain[i] = (ProtobufCMessageDescriptor){.n_fields = 1, .fields = &fields[i]};
    }
    assert_int_equal(depth_of(all, 3), -1); /* 0 in 1 in 2 in 0 */
    fields[2].type = PROTOBUF_C_TYPE_UINT32;
    assert_int_equal(depth_of(all, 3), 3);  /* only a chain */
    assert_int_equal(depth_of(all, 2), -1); /* to something that is not in the list */
    fields[2] = fields[1];
    assert_int_equal(depth_of(all, 3), -1); /* 2 in itself, which 0 and 1 wait for */
}

/* SCHEMA_FILE comes from the build. */
static void
every_message_is_in_the_list(void **state)
{
    (void)state;
    FILE *f = fopen(SCHEMA_FILE, "r");
    assert_non_null(f);
    size_t count = 0;
    char line[512], name[64];
    while (fgets(line, sizeof line, f) != NULL) {
        assert_null(strstr(line, "import ")); /* other files would have to be listed too */
        if (sscanf(line, " message %63[A-Za-z0-9]", name) != 1)
            continue;
        count++;
        bool found = false;
        for (size_t i = 0; i < TEST_COUNT(messages); i++)
            found |= strcmp(messages[i]->short_name, name) == 0;
        assert_true(found);
    }
    assert_int_equal(fclose(f), 0);
    assert_int_equal(count, TEST_COUNT(messages));
}

static void
bytes_are_only_ids(void **state)
{
    (void)state;
    for (size_t i = 0; i < TEST_COUNT(messages); i++) {
        for (unsigned f = 0; f < messages[i]->n_fields; f++) {
            const ProtobufCFieldDescriptor *field = &messages[i]->fields[f];
            if (field->type == PROTOBUF_C_TYPE_BYTES)
                assert_true(strcmp(field->name, "session") == 0 ||
                            strcmp(field->name, "history") == 0);
        }
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_message_contains_itself),
        cmocka_unit_test(circles_are_seen),
        cmocka_unit_test(every_message_is_in_the_list),
        cmocka_unit_test(bytes_are_only_ids),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
