/*
 * Series that come back by the two sides of a replay, against those that head_resolve makes. The texts of a
 * record stand one behind the other, as in a log: what is the same as in the series before has its address.
 */
#include "storage/head/replay.h"

#include "lib/base/mem.h"
#include "lib/base/vec.h"
#include "storage/head/inside.h"
#include "storage/head/slots.h"
#include "tests/check_main.h"

#include <stdio.h>
#include <string.h>

#define SERIES 3000
#define RECORD 97 /* series of one record */
#define LABELS 4

static const char *const names[LABELS] = {"a", "b", "c", "d"};

struct made_series {
    struct label items[LABELS];
    char texts[LABELS][2][16];
    struct labels labels;
};

static uint64_t random_state = 42;
static uint32_t draw(uint32_t below) {
    random_state = random_state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(random_state >> 33) % below;
}

/* none of its labels may be there: a series without any is one too */
static void draw_series(struct made_series *series, const struct made_series *before) {
    series->labels = (struct labels){series->items, 0};
    for (uint32_t k = 0; k < LABELS; k++) {
        uint32_t at = series->labels.count;
        if (draw(4) == 0) continue;
        (void)snprintf(series->texts[at][0], 16, "%s", names[k]);
        (void)snprintf(series->texts[at][1], 16, "v%u", draw(k == 3 ? 400 : 5));
        struct label *label = &series->items[at];
        *label = (struct label){span_from(series->texts[at][0]), span_from(series->texts[at][1])};
        struct label *old =
            before && at < before->labels.count ? &((struct made_series *)before)->items[at] : NULL;
        if (old && span_equal(old->name, label->name)) label->name = old->name;
        if (old && span_equal(old->value, label->value)) label->value = old->value;
        series->labels.count++;
    }
}

static struct head *new_head(void) {
    struct head_options options = {0};
    struct head *head;
    ck_assert_int_eq(head_create(&options, &head, NULL), 0);
    return head;
}

static void make_all(struct head_replay *replay, struct replay_words *words, uint64_t *next) {
    struct replayed_series made[HEAD_REPLAY_STEP];
    size_t used, count;
    for (size_t done = 0; done < words->count; done += used) {
        ck_assert_int_eq(
            head_replay_make(replay, words->items + done, words->count - done, &used, made, &count, NULL), 0);
        ck_assert_uint_gt(used, 0);
        for (size_t i = 0; i < count; i++) ck_assert_uint_eq(made[i].number, (*next)++);
    }
    words->count = 0;
}

static void replay_all(struct head *head, const struct made_series *series) {
    struct head_replay *replay = head_replay_create(head);
    struct replay_words words = {0};
    uint64_t next = 1;
    for (size_t i = 0; i < SERIES; i++) {
        if (i % RECORD == 0) {
            if (i) head_replay_end(replay);
            make_all(replay, &words, &next);
            (void)head_replay_post(replay, draw(60));
            head_replay_begin(replay);
        }
        ck_assert_int_eq(head_replay_read(replay, i + 1, series[i].labels, &words, NULL), 0);
        if (draw(40) == 0) make_all(replay, &words, &next);
    }
    head_replay_end(replay);
    make_all(replay, &words, &next);
    ck_assert_uint_eq(next, SERIES + 1);
    while (head_replay_post(replay, 100)) continue;
    ck_assert(!head_replay_post(replay, 1));
    vec_release(&words);
    head_replay_destroy(replay);
}

/* the slots with a=v1, say; both heads give out slots in the same order */
static void compare_matches(struct head *replayed, struct head *resolved) {
    for (uint32_t k = 0; k < LABELS; k++)
        for (int value = 0; value < 5; value++) {
            char text[16];
            struct slots left, right;
            struct matcher matcher = {
                .name = span_from(names[k]), .value = span_from(text), .type = MATCH_EQUAL};
            (void)snprintf(text, sizeof text, "v%d", value);
            matcher.value = span_from(text);
            slots_init(&left, NULL);
            slots_init(&right, NULL);
            ck_assert_int_eq(match_slots(replayed, &matcher, 1, &left, NULL), 0);
            ck_assert_int_eq(match_slots(resolved, &matcher, 1, &right, NULL), 0);
            ck_assert_uint_eq(left.count, right.count);
            ck_assert_uint_gt(left.count, 0);
            ck_assert_int_eq(memcmp(left.items, right.items, left.count * sizeof *left.items), 0);
            slots_release(&left);
            slots_release(&right);
        }
}

START_TEST(what_is_replayed_is_what_was_resolved) {
    struct made_series *series = mem_array(SERIES, sizeof *series);
    for (size_t i = 0; i < SERIES; i++) draw_series(&series[i], i % RECORD ? &series[i - 1] : NULL);
    struct head *replayed = new_head(), *resolved = new_head();
    replay_all(replayed, series);
    for (size_t i = 0; i < SERIES; i++) {
        struct series_ref ref, again;
        struct label items[LABELS];
        uint64_t number;
        bool is_logged, created;
        ck_assert_int_eq(head_resolve(resolved, &series[i].labels, 1, &ref, NULL, NULL), 0);
        ck_assert_int_eq(head_resolve(replayed, &series[i].labels, 1, &again, &created, NULL), 0);
        ck_assert(!created);
        ck_assert_uint_eq(ref.slot, again.slot);
        ck_assert(labels_equal(head_labels(replayed, again.slot, items), series[i].labels));
        ck_assert(head_number(replayed, again, &number, &is_logged) && is_logged);
        ck_assert_uint_le(number, i + 1); /* of the first with these labels */
        ck_assert(labels_equal(series[number - 1].labels, series[i].labels));
    }
    ck_assert_uint_eq(head_slots(replayed), head_slots(resolved));
    ck_assert_uint_lt(head_slots(replayed), SERIES);
    compare_matches(replayed, resolved);
    head_destroy(replayed);
    head_destroy(resolved);
    mem_free(series);
}
END_TEST

CHECK_MAIN("head_replay", what_is_replayed_is_what_was_resolved)
