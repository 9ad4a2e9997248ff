#include "lib/model/target_group.h"

#include "tests/check_main.h"

static struct group_builder builder;
static struct err err;

static struct target_group *make(const char *source, const char *shared, const char *first,
                                 const char *second) {
    struct target_group *group;
    group_begin(&builder);
    builder.source = span_from(source);
    group_label(&builder, "shared", span_from(shared));
    group_target(&builder);
    group_target_label(&builder, "__address__", span_from(first));
    if (second) {
        group_target(&builder);
        group_target_label(&builder, "__address__", span_from(second));
        group_target_label(&builder, "shared", SPAN("own"));
    }
    ck_assert_int_eq(group_finish(&builder, &group, &err), 0);
    return group;
}

static bool label_is(const struct target_group *group, size_t target, const char *name, const char *value) {
    return span_is(labels_get(group->targets[target], span_from(name)), value);
}

START_TEST(a_target_has_its_own_labels_and_those_of_its_group) {
    group_builder_init(&builder);
    struct target_group *group = make("s", "all", "a:1", "b:2");
    group_builder_release(&builder); /* the group has copies of all */
    ck_assert(span_is(group->source, "s"));
    ck_assert_uint_eq(group->count, 2);
    ck_assert(label_is(group, 0, "__address__", "a:1") && label_is(group, 0, "shared", "all"));
    ck_assert(label_is(group, 1, "__address__", "b:2") && label_is(group, 1, "shared", "own"));
    target_group_unref(group);
}
END_TEST

START_TEST(texts_of_the_group_are_kept_once) {
    struct target_group *group;
    group_builder_init(&builder);
    group_begin(&builder);
    group_label(&builder, "a", SPAN("x"));
    group_label(&builder, "z", SPAN("shared by all"));
    for (int i = 0; i < 3; i++) {
        group_target(&builder);
        group_target_label(&builder, "m", group_text(&builder, "%d", i));
    }
    ck_assert_int_eq(group_finish(&builder, &group, &err), 0);
    for (size_t i = 1; i < 3; i++) {
        ck_assert_ptr_eq(labels_get(group->targets[i], SPAN("z")).ptr,
                         labels_get(group->targets[0], SPAN("z")).ptr);
        ck_assert_ptr_ne(labels_get(group->targets[i], SPAN("m")).ptr,
                         labels_get(group->targets[0], SPAN("m")).ptr);
        ck_assert_uint_eq(group->targets[i].count, 3);
    }
    target_group_unref(group);
    group_builder_release(&builder);
}
END_TEST

START_TEST(names_from_outside_are_made_label_names) {
    struct target_group *group;
    group_builder_init(&builder);
    group_begin(&builder);
    group_meta_label(&builder, "__meta_x_", SPAN("app.kubernetes.io/na-me"), SPAN("v"));
    group_meta_label(&builder, "__meta_x_", SPAN("\xc3\xa9"), SPAN("w"));
    group_meta_label(&builder, "__meta_x_", SPAN("empty"), SPAN(""));
    group_target(&builder);
    ck_assert_int_eq(group_finish(&builder, &group, &err), 0);
    ck_assert(label_is(group, 0, "__meta_x_app_kubernetes_io_na_me", "v") &&
              label_is(group, 0, "__meta_x___", "w"));
    ck_assert_uint_eq(group->targets[0].count, 2);
    target_group_unref(group);
    group_builder_release(&builder);
}
END_TEST

START_TEST(groups_are_compared_by_their_targets) {
    group_builder_init(&builder);
    struct target_group *a = make("s", "x", "a:1", NULL), *same = make("other", "x", "a:1", NULL);
    struct target_group *longer = make("s", "x", "a:1", "b:2"), *other = make("s", "y", "a:1", NULL);
    ck_assert(target_group_equal(a, same));
    ck_assert(!target_group_equal(a, longer) && !target_group_equal(a, other));
    target_group_unref(a), target_group_unref(same), target_group_unref(longer), target_group_unref(other);
    group_builder_release(&builder);
}
END_TEST

START_TEST(a_snapshot_keeps_its_groups) {
    group_builder_init(&builder);
    struct target_group *groups[] = {make("a", "x", "a:1", "a:2"), make("b", "x", "b:1", NULL)};
    struct target_groups *snapshot = target_groups_create(groups, 2), *again = target_groups_ref(snapshot);
    target_group_unref(groups[0]), target_group_unref(groups[1]);
    ck_assert_uint_eq(snapshot->target_count, 3);
    target_groups_unref(snapshot);
    ck_assert(label_is(again->items[1], 0, "__address__", "b:1"));
    target_groups_unref(again);
    target_groups_unref(NULL);
    group_builder_release(&builder);
}
END_TEST

START_TEST(a_group_without_memory_is_refused_as_a_whole) {
    struct target_group *group = NULL;
    group_builder_init(&builder);
    arena_init(&builder.arena, 3000, NULL);
    group_begin(&builder);
    for (int i = 0; i < 1000; i++) {
        group_target(&builder);
        group_target_label(&builder, "__address__", group_text(&builder, "%d", i));
    }
    ck_assert_int_eq(group_finish(&builder, &group, &err), ERR_LIMIT);
    ck_assert_ptr_null(group);
    group_builder_release(&builder);
}
END_TEST

CHECK_MAIN("target group", a_target_has_its_own_labels_and_those_of_its_group,
           texts_of_the_group_are_kept_once, names_from_outside_are_made_label_names,
           groups_are_compared_by_their_targets, a_snapshot_keeps_its_groups,
           a_group_without_memory_is_refused_as_a_whole)
