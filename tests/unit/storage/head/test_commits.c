#include "storage/head/commits.h"

#include "tests/check_main.h"

#include <string.h>

/*
 * The naive store keeps for each slot all (batch, first time); the real one keeps marks as series do. Readers
 * come and go at random, and each must be told the same by both.
 */
#define SLOTS 8
#define BATCHES 400
#define READERS 6

static uint64_t random_state = 3;
static uint32_t draw(uint32_t below) {
    random_state = random_state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(random_state >> 33) % below;
}

struct slot {
    batch_mark mark;
    int64_t first_time;
    uint64_t batches[BATCHES + 1];
    int64_t times[BATCHES + 1];
    size_t count;
};

static void append(struct commits *commits, struct slot *slots) {
    uint64_t sequence = commits_begin(commits);
    for (uint32_t i = 0; i < SLOTS; i++) {
        if (draw(i + 1)) continue; /* slot 0 in every batch, the others now and then */
        struct slot *slot = &slots[i];
        commits_keep(commits, i, slot->mark, slot->first_time);
        slot->mark = mark_make(sequence, slot->mark);
        slot->first_time = (int64_t)sequence * 10;
        slot->batches[slot->count] = sequence;
        slot->times[slot->count++] = slot->first_time;
    }
    commits_publish(commits, sequence);
}

static void check(struct commits *commits, const struct slot *slots, uint64_t reader) {
    for (uint32_t i = 0; i < SLOTS; i++) {
        const struct slot *slot = &slots[i];
        size_t first = 0;
        while (first < slot->count && slot->batches[first] <= reader) first++;
        int64_t hidden_from = -1;
        bool hidden = commits_hidden(commits, reader, i, slot->mark, slot->first_time, &hidden_from);
        ck_assert_int_eq(hidden, first < slot->count);
        if (hidden) ck_assert_int_eq(hidden_from, slot->times[first]);
    }
}

START_TEST(readers_are_told_the_first_time_they_do_not_see) {
    for (int round = 0; round < 50; round++) {
        struct commits commits;
        static struct slot slots[SLOTS];
        struct commit_ticket readers[READERS];
        bool active[READERS] = {false};
        memset(slots, 0, sizeof slots);
        commits_init(&commits);
        for (int step = 0; step < BATCHES; step++) {
            append(&commits, slots);
            uint32_t who = draw(READERS);
            if (active[who] && draw(4) == 0) {
                commits_leave(&commits, readers[who]);
                active[who] = false;
            } else if (!active[who]) {
                readers[who] = commits_enter(&commits);
                active[who] = true;
            }
            for (int r = 0; r < READERS; r++)
                if (active[r]) check(&commits, slots, readers[r].sequence);
        }
        for (int r = 0; r < READERS; r++)
            if (active[r]) commits_leave(&commits, readers[r]);
        commits_release(&commits);
    }
}
END_TEST

START_TEST(history_is_kept_only_for_readers) {
    struct commits commits;
    static struct slot slots[SLOTS];
    memset(slots, 0, sizeof slots);
    commits_init(&commits);
    for (int i = 0; i < 50; i++) append(&commits, slots);
    ck_assert_uint_eq(commits.young.entries.count + commits.old.entries.count, 0);
    struct commit_ticket reader = commits_enter(&commits);
    for (int i = 0; i < 100; i++) append(&commits, slots);
    ck_assert_uint_le(commits.young.entries.count + commits.old.entries.count, SLOTS); /* not 100 each */
    ck_assert_uint_gt(commits.young.entries.count + commits.old.entries.count, 0);
    check(&commits, slots, reader.sequence);
    commits_leave(&commits, reader);
    append(&commits, slots);
    ck_assert_uint_eq(commits.young.entries.count + commits.old.entries.count, 0);
    commits_release(&commits);
}
END_TEST

START_TEST(a_series_long_silent_is_hidden_right) {
    struct commits commits;
    commits_init(&commits);
    commits.published = 100;
    batch_mark mark = mark_make(50, 0);
    commits.published = (uint64_t)1 << 30; /* many batches of others */
    struct commit_ticket reader = commits_enter(&commits);
    uint64_t sequence = commits_begin(&commits);
    commits_keep(&commits, 1, mark, 500);
    mark = mark_make(sequence, mark);
    ck_assert_uint_eq(mark & MARK_FAR, MARK_FAR);
    commits_publish(&commits, sequence);
    int64_t hidden_from;
    ck_assert(commits_hidden(&commits, reader.sequence, 1, mark, 900, &hidden_from));
    ck_assert_int_eq(hidden_from, 900);
    sequence = commits_begin(&commits);
    commits_keep(&commits, 1, mark, 900);
    mark = mark_make(sequence, mark);
    commits_publish(&commits, sequence);
    ck_assert(commits_hidden(&commits, reader.sequence, 1, mark, 910, &hidden_from));
    ck_assert_int_eq(hidden_from, 900);
    commits_leave(&commits, reader);
    commits_release(&commits);
}
END_TEST

CHECK_MAIN("commits", readers_are_told_the_first_time_they_do_not_see, history_is_kept_only_for_readers,
           a_series_long_silent_is_hidden_right)
