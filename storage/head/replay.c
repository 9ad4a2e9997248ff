#include "storage/head/replay.h"

#include "lib/base/assert.h"
#include "lib/base/mem.h"
#include "storage/head/inside.h"

#include <string.h>

/* A series as words: number, low and high | labels | names, unless they are as before | values */
#define WORDS_FIXED 3u
#define SAME_NAMES ((uint32_t)1 << 31)

/* a label of the series before, and where its texts are */
struct read_label {
    const char *name_at, *value_at;
    uint32_t name, value;
};

/* Series of neighbouring slots share most values: those of a name are given to postings together. */
#define RUN_SLOTS 62u
#define POST_AHEAD 16u

struct replay_run {
    uint32_t value, count;
    uint32_t slots[RUN_SLOTS];
};

struct staged {
    uint64_t number, hash;
    const uint32_t *words; /* as index_replay takes them */
    uint32_t count;
};

struct head_replay {
    struct head *head;
    /* the reader's */
    struct read_label read[SHAPE_MAX_LABELS];
    uint32_t read_count, posted;       /* posted: slots before it are */
    bool has_before;                   /* a series of the record was read */
    size_t texts;                      /* what those from before head_replay_begin cost */
    uint32_t places[SHAPE_MAX_LABELS]; /* hints */
    VEC(struct replay_run) runs;       /* by the place of their name */
    /* the maker's */
    uint32_t shape;      /* of the series before */
    VEC(uint32_t) words; /* of the series of a step */
};

struct head_replay *head_replay_create(struct head *head) {
    struct head_replay *replay = mem_zalloc(sizeof *replay);
    replay->head = head;
    replay->posted = head_slots(head);
    return replay;
}

void head_replay_destroy(struct head_replay *replay) {
    vec_release(&replay->runs);
    vec_release(&replay->words);
    mem_free(replay);
}

/* ---- the reader's ---- */

void head_replay_begin(struct head_replay *replay) {
    replay->read_count = 0;
    replay->has_before = false;
    replay->texts = symbols_cost(&replay->head->symbols);
}

void head_replay_end(struct head_replay *replay) {
    index_charge(replay->head, symbols_cost(&replay->head->symbols) - replay->texts);
}

/* true: it is another text than before */
static bool read_text(struct head *head, struct span text, const char **at, uint32_t *symbol) {
    uint32_t before = *symbol;
    if (*at == text.ptr) return false;
    *at = text.ptr;
    *symbol = symbols_add(&head->symbols, text);
    return *symbol != before;
}

/* false: a symbol is missing, there is no room for it */
static bool read_labels(struct head_replay *replay, struct labels labels, bool *same_names) {
    bool has_all = true;
    *same_names = replay->has_before && labels.count == replay->read_count;
    for (uint32_t i = 0; i < labels.count; i++) {
        struct read_label *label = &replay->read[i];
        if (i >= replay->read_count) *label = (struct read_label){0};
        if (read_text(replay->head, labels.items[i].name, &label->name_at, &label->name)) *same_names = false;
        (void)read_text(replay->head, labels.items[i].value, &label->value_at, &label->value);
        has_all = has_all && label->name && label->value;
    }
    replay->has_before = has_all;
    replay->read_count = has_all ? labels.count : 0;
    return has_all;
}

int head_replay_read(struct head_replay *replay, uint64_t number, struct labels labels,
                     struct replay_words *words, struct err *err) {
    ASSERT(labels.count <= SHAPE_MAX_LABELS);
    bool same_names;
    if (!read_labels(replay, labels, &same_names))
        return err_set(err, ERR_LIMIT, "memory for label names and values is full");
    vec_reserve(words, words->count + WORDS_FIXED + 2 * (size_t)labels.count);
    uint32_t *out = words->items + words->count;
    *out++ = (uint32_t)number;
    *out++ = (uint32_t)(number >> 32);
    *out++ = labels.count | (same_names ? SAME_NAMES : 0);
    for (uint32_t i = 0; !same_names && i < labels.count; i++) *out++ = replay->read[i].name;
    for (uint32_t i = 0; i < labels.count; i++) *out++ = replay->read[i].value;
    words->count = (size_t)(out - words->items);
    return 0;
}

/* the other thread has made it a moment ago */
static void prefetch_series(const struct head *head, uint32_t slot) {
    __builtin_prefetch(series_at(&head->table, slot));
}

static void end_run(struct replay_run *run, struct postings *postings, uint32_t place) {
    if (run->count) postings_add_run(postings, place, run->value, run->slots, run->count);
    run->count = 0;
}

static void post(struct head_replay *replay, uint32_t slot) {
    struct head *head = replay->head;
    const uint32_t *words = index_record(head, slot), *names = shape_names(&head->shapes, words[0]);
    uint32_t count = shape_count(&head->shapes, words[0]);
    for (uint32_t i = 0; i < count; i++) {
        uint32_t place = replay->places[i] = postings_place(&head->postings, names[i], replay->places[i]);
        while (place >= replay->runs.count) *vec_push(&replay->runs) = (struct replay_run){0};
        struct replay_run *run = &replay->runs.items[place];
        if (run->value != words[1 + i] || run->count == RUN_SLOTS) end_run(run, &head->postings, place);
        run->value = words[1 + i];
        run->slots[run->count++] = slot;
    }
}

bool head_replay_post(struct head_replay *replay, uint32_t most) {
    uint32_t left = head_slots(replay->head) - replay->posted, count = left < most ? left : most;
    for (uint32_t i = 0; i < count; i++) {
        if (i + POST_AHEAD < left) prefetch_series(replay->head, replay->posted + POST_AHEAD);
        post(replay, replay->posted++);
    }
    for (uint32_t i = 0; count && i < replay->runs.count; i++)
        end_run(&replay->runs.items[i], &replay->head->postings, i);
    return count != 0;
}

/* ---- the maker's ---- */

static int take_names(struct head_replay *replay, const uint32_t *names, uint32_t count, struct err *err) {
    replay->shape = shapes_add(&replay->head->shapes, names, count);
    return replay->shape ? 0 : err_set(err, ERR_LIMIT, "memory for label sets is full");
}

/* the series of a step, in *staged; their places in the table of labels are asked for */
static int stage(struct head_replay *replay, const uint32_t *words, size_t count, size_t *used,
                 struct staged *staged, size_t *staged_count, struct err *err) {
    struct head *head = replay->head;
    replay->words.count = 0;
    vec_reserve(&replay->words, count); /* more than enough, so that it does not move */
    for (size_t i = 0; i < HEAD_REPLAY_STEP && *used < count; i++) {
        const uint32_t *at = words + *used;
        uint32_t labels = at[2] & ~SAME_NAMES;
        bool same_names = at[2] & SAME_NAMES;
        uint64_t number = at[0] | (uint64_t)at[1] << 32;
        at += WORDS_FIXED;
        int rc = same_names ? 0 : take_names(replay, at, labels, err);
        if (rc) return rc;
        if (!same_names) at += labels;
        uint32_t *own = replay->words.items + replay->words.count;
        own[0] = replay->shape;
        memcpy(own + 1, at, labels * sizeof *own);
        replay->words.count += 1 + labels;
        *used = (size_t)(at + labels - words);
        staged[i] = (struct staged){number, index_hash(head, own), own, labels};
        map_prefetch(&head->by_labels, staged[i].hash);
        *staged_count = i + 1;
    }
    return 0;
}

int head_replay_make(struct head_replay *replay, const uint32_t *words, size_t count, size_t *used,
                     struct replayed_series *series, size_t *made, struct err *err) {
    struct head *head = replay->head;
    struct staged staged[HEAD_REPLAY_STEP];
    size_t staged_count = 0, created = 0;
    *used = *made = 0;
    int rc = stage(replay, words, count, used, staged, &staged_count, err);
    for (size_t i = 0; i < staged_count; i++) {
        uint32_t slot;
        bool is_new;
        int failed = index_replay(head, staged[i].words, staged[i].count, staged[i].hash, staged[i].number,
                                  &slot, &is_new, err);
        if (failed) {
            rc = failed;
            break;
        }
        created += is_new;
        head_set_logged(head, slot, true);
        series[(*made)++] = (struct replayed_series){staged[i].number, head_ref(head, slot)};
    }
    index_charge(head, created * HEAD_SERIES_BYTES);
    return rc;
}
