/*
 * model.c - random operations on a store and on a naive one; they must answer the same.
 *
 *     operation --+--> tsdb  ------> answer --+
 *                 +--> naive.h ----> answer --+--> equal?
 *
 * Every row's result, every selected series with all its labels and samples, label names and values; answers
 * that were asked for earlier and are read only now; restarts in between. An episode is some thousand
 * operations on one store, with a folder or in memory.
 */
#include "tests/faults/harness.h"
#include "tests/faults/naive.h"
#include "tests/faults/scenario.h"

#include "lib/base/bits.h"
#include "lib/sys/clock.h"
#include "lib/sys/thread.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SERIES 150u
#define START_MS ((int64_t)1700000000000)
#define ROWS_MAX 400

struct asked { /* an answer that is read later */
    struct series_set *set;
    uint64_t changes;
    int64_t mint, maxt;
    bool wanted[SERIES];
};

struct model {
    struct crash_fs *disk;
    struct tsdb_options options;
    struct tsdb *tsdb;
    struct naive naive;
    struct series_ref refs[SERIES];
    struct asked asked[4];
    bool has_late_blocks; /* maintenance has run */
    uint64_t random;
    int64_t now_ms;
    /* a batch's answer */
    struct mutex lock;
    struct condition changed;
    bool is_done;
    int rc;
    uint8_t results[ROWS_MAX];
    size_t answers[APPEND_TOO_OLD + 1]; /* of each kind */
};

/* ---- appending ---- */

static bool is_known(uint8_t result) {
    return result == APPEND_REPEATED || result == APPEND_DUPLICATE;
}

static void on_done(struct append_batch *batch) {
    struct model *model = batch->context;
    mutex_lock(&model->lock);
    model->rc = batch->rc;
    if (!batch->rc) memcpy(model->results, batch->results, batch->count);
    model->is_done = true;
    condition_broadcast(&model->changed);
    mutex_unlock(&model->lock);
    append_batch_destroy(batch);
}

static struct series_ref ref_of(struct model *model, uint32_t series) {
    struct label items[LEDGER_LABELS];
    char text[LEDGER_TEXT];
    struct labels labels = ledger_labels(series, items, text);
    struct err err;
    if (!model->refs[series].generation &&
        appender_resolve(tsdb_appender(model->tsdb), &labels, 1, &model->refs[series], NULL, &err))
        fail("series %u is not taken: %s", series, err.text);
    return model->refs[series];
}

/* mostly the next time; else one that is there, an earlier one (seldom a much earlier one), or one far ahead
 */
static int64_t any_time(struct model *model, uint32_t series) {
    int64_t newest = naive_newest(&model->naive, series);
    switch (chance_below(&model->random, 12)) {
    case 0:
        return newest == INT64_MIN ? model->now_ms
                                   : naive_any_time(&model->naive, series, chance(&model->random));
    case 1:
        return newest == INT64_MIN
                   ? model->now_ms
                   : newest - (int64_t)chance_below(&model->random,
                                                    chance_below(&model->random, 4) ? 100000 : 5000000);
    case 2: return chance_below(&model->random, 10) ? model->now_ms : clock_wall_ms() + (int64_t)3600 * 1000;
    default: return model->now_ms += (int64_t)chance_below(&model->random, 1500);
    }
}

static void append(struct model *model) {
    static const size_t sizes[] = {1, 5, 40, ROWS_MAX};
    size_t count = 1 + chance_below(&model->random, sizes[chance_below(&model->random, 4)]);
    uint8_t wanted[ROWS_MAX];
    bool is_late[ROWS_MAX];
    bool with_times = chance_below(&model->random, 2);
    struct append_batch *batch = append_batch_create(count, with_times, on_done, model);
    batch->wait_sync = chance_below(&model->random, 2);
    batch->time_ms = model->now_ms += 1 + (int64_t)chance_below(&model->random, 20000);
    batch->keep_late = chance_below(&model->random, 20) == 0;
    struct naive_bounds bounds = naive_bounds(&model->naive, clock_wall_ms(), batch->keep_late);
    for (size_t i = 0; i < count; i++) {
        uint32_t series = (uint32_t)chance_below(&model->random, SERIES);
        int64_t time = with_times ? any_time(model, series) : batch->time_ms;
        double value = chance_below(&model->random, 3) ? scenario_value(&model->random) : 1;
        append_batch_add(batch, ref_of(model, series), value, time);
        is_late[i] = time < naive_newest(&model->naive, series);
        wanted[i] = (uint8_t)naive_append(&model->naive, series, time, double_bits(value), &bounds);
    }
    model->is_done = false;
    appender_append(tsdb_appender(model->tsdb), batch);
    mutex_lock(&model->lock);
    while (!model->is_done) condition_wait(&model->changed, &model->lock);
    mutex_unlock(&model->lock);
    if (model->rc) fail("a batch failed: %d", model->rc);
    for (size_t i = 0; !model->rc && i < count; i++) {
        model->answers[wanted[i]]++;
        /* Late samples that are in a block already are not looked up: again there, they change nothing. What
         * is taken again is then what others of its time are compared with. */
        bool may_be_taken_again = model->has_late_blocks && is_late[i] && is_known(wanted[i]);
        bool is_fine =
            may_be_taken_again && (model->results[i] == APPEND_STORED || is_known(model->results[i]));
        if (model->results[i] != wanted[i] && !is_fine)
            fail("row %zu of %zu: result %d, should be %d", i, count, model->results[i], wanted[i]);
    }
}

/* ---- matchers ---- */

static const struct {
    const char *name, *values[5];
} labels_to_ask[] = {
    {"__name__", {"metric_1", "metric_.", "metric_[0-3]", "", ".*"}},
    {"few", {"1", "1|2", ".+", "", "x"}},
    {"id", {"17", "1.*", "[0-9]", "3|4|5|66|149", ".*7"}},
    {"shape", {"x", "\xc3\xa4\xe2\x82\xac", "a b.*\n", "", ".{1,2}"}},
    {"absent", {"", ".*", ".+", "x", "x|"}},
};

#define ASKABLE (sizeof labels_to_ask / sizeof *labels_to_ask)

static size_t any_matchers(struct model *model, struct matcher matchers[3]) {
    size_t count = 1 + chance_below(&model->random, 3), made = 0;
    for (size_t i = 0; i < count; i++) {
        size_t which = chance_below(&model->random, ASKABLE);
        struct span name = span_from(labels_to_ask[which].name);
        struct span value = span_from(labels_to_ask[which].values[chance_below(&model->random, 5)]);
        enum matcher_type type = (enum matcher_type)chance_below(&model->random, 4);
        struct err err;
        if (matcher_init(&matchers[made], type, name, value, &err))
            fail("matcher: %s", err.text);
        else
            made++;
    }
    return made;
}

static void release_matchers(struct matcher *matchers, size_t count) {
    for (size_t i = 0; i < count; i++) matcher_release(&matchers[i]);
}

static void any_range(struct model *model, int64_t *mint, int64_t *maxt) {
    int64_t span = model->now_ms - START_MS + 1;
    *mint = START_MS + (int64_t)(chance(&model->random) % (uint64_t)span);
    *maxt = *mint + (int64_t)(chance(&model->random) % (uint64_t)span);
    if (chance_below(&model->random, 4) == 0) *mint = INT64_MIN;
    if (chance_below(&model->random, 4) == 0) *maxt = INT64_MAX;
}

static bool has_samples(const struct model *model, uint32_t series, int64_t mint, int64_t maxt,
                        uint64_t changes) {
    struct naive_sample *samples;
    size_t count = naive_read(&model->naive, series, mint, maxt, changes, &samples);
    mem_free(samples);
    return count > 0;
}

static bool matches(uint32_t series, const struct matcher *matchers, size_t count) {
    struct label items[LEDGER_LABELS];
    char text[LEDGER_TEXT];
    return matchers_match(matchers, count, ledger_labels(series, items, text));
}

/* ---- selecting ---- */

static void ask(struct model *model, struct asked *asked) {
    struct matcher matchers[3];
    struct err err;
    size_t count = any_matchers(model, matchers);
    any_range(model, &asked->mint, &asked->maxt);
    asked->changes = model->naive.changes;
    for (uint32_t i = 0; i < SERIES; i++) asked->wanted[i] = matches(i, matchers, count);
    if (queryable_select(tsdb_queryable(model->tsdb), matchers, count, asked->mint, asked->maxt, NULL,
                         &asked->set, &err)) {
        fail("select: %s", err.text);
        asked->set = NULL;
    }
    release_matchers(matchers, count);
}

static void compare_rows(const struct model *model, uint32_t series, const struct asked *asked, int64_t mint,
                         int64_t maxt, const struct columns *rows) {
    struct naive_sample *samples;
    size_t count = naive_read(&model->naive, series, mint, maxt, asked->changes, &samples);
    if (rows->count != count)
        fail("series %u: %zu samples in [%" PRId64 ", %" PRId64 "], should be %zu", series, rows->count, mint,
             maxt, count);
    for (size_t i = 0; i < count && i < rows->count; i++)
        if (rows->times_ms[i] != samples[i].time_ms || double_bits(rows->values[i]) != samples[i].bits) {
            fail("series %u, row %zu: (%" PRId64 ", %016" PRIx64 "), should be (%" PRId64 ", %016" PRIx64 ")",
                 series, i, rows->times_ms[i], double_bits(rows->values[i]), samples[i].time_ms,
                 samples[i].bits);
            break;
        }
    mem_free(samples);
}

static void read_answer(struct model *model, struct asked *asked) {
    bool seen[SERIES] = {0};
    struct err err;
    for (size_t i = 0; i < asked->set->count; i++) {
        struct arena arena;
        struct labels labels;
        struct columns rows;
        arena_init(&arena, 1 << 16, NULL);
        int rc = series_set_labels(asked->set, i, &arena, &labels, &err);
        uint32_t series = rc ? UINT32_MAX : ledger_number(labels);
        arena_release(&arena);
        if (series >= SERIES || !asked->wanted[series] || seen[series]) {
            fail("series %u should not be in the answer%s", series,
                 series < SERIES && seen[series] ? " twice" : "");
            continue;
        }
        seen[series] = true;
        int64_t mint = asked->mint, maxt = asked->maxt;
        if (chance_below(&model->random, 3) == 0 && mint > INT64_MIN && maxt < INT64_MAX) { /* a part of it */
            mint += (maxt - mint) / 3;
            maxt -= (maxt - mint) / 4;
        }
        columns_init(&rows, NULL);
        if (series_set_read(asked->set, i, mint, maxt, &rows, &err)) fail("read: %s", err.text);
        compare_rows(model, series, asked, mint, maxt, &rows);
        columns_release(&rows);
    }
    for (uint32_t i = 0; i < SERIES; i++)
        if (asked->wanted[i] && !seen[i] && has_samples(model, i, asked->mint, asked->maxt, asked->changes))
            fail("series %u is missing in the answer", i);
    series_set_close(asked->set);
    asked->set = NULL;
}

static void query(struct model *model) {
    struct asked asked;
    ask(model, &asked);
    if (asked.set) read_answer(model, &asked);
}

/* an answer is asked for now and read some operations later */
static void query_late(struct model *model) {
    struct asked *asked = &model->asked[chance_below(&model->random, 4)];
    if (asked->set)
        read_answer(model, asked);
    else
        ask(model, asked);
}

/* ---- names and values ---- */

struct asked_texts {
    struct span *texts;
    size_t count;
};

static bool contains(const struct asked_texts *answer, struct span text) {
    for (size_t i = 0; i < answer->count; i++)
        if (span_equal(answer->texts[i], text)) return true;
    return false;
}

static void expect_sorted(const struct asked_texts *answer, const char *what) {
    for (size_t i = 1; i < answer->count; i++)
        if (span_compare(answer->texts[i - 1], answer->texts[i]) >= 0) fail("%s are not sorted", what);
}

/* What series with samples in the range have must be there; nothing that no matching series has may be. */
static void compare_texts(struct model *model, const struct asked_texts *answer, struct span name,
                          const struct matcher *matchers, size_t count, int64_t mint, int64_t maxt) {
    struct label items[LEDGER_LABELS];
    char text[LEDGER_TEXT];
    bool known[1024] = {0};
    for (uint32_t series = 0; series < SERIES; series++) {
        struct labels labels = ledger_labels(series, items, text);
        if (naive_newest(&model->naive, series) == INT64_MIN || !matchers_match(matchers, count, labels))
            continue;
        bool must = has_samples(model, series, mint, maxt, model->naive.changes);
        for (size_t i = 0; i < labels.count; i++) {
            if (name.len && !span_equal(labels.items[i].name, name)) continue;
            struct span wanted = name.len ? labels.items[i].value : labels.items[i].name;
            if (must && !contains(answer, wanted)) fail("%.*s is missing", (int)wanted.len, wanted.ptr);
            for (size_t k = 0; k < answer->count && k < 1024; k++)
                known[k] |= span_equal(answer->texts[k], wanted);
        }
    }
    for (size_t k = 0; k < answer->count && k < 1024; k++)
        if (!known[k]) fail("%.*s should not be there", (int)answer->texts[k].len, answer->texts[k].ptr);
}

static void query_names(struct model *model) {
    struct matcher matchers[3];
    struct asked_texts answer = {0};
    struct arena arena;
    struct err err;
    int64_t mint, maxt;
    size_t count = any_matchers(model, matchers);
    any_range(model, &mint, &maxt);
    arena_init(&arena, 1 << 20, NULL);
    size_t which = chance_below(&model->random, ASKABLE + 1);
    struct span name = which < ASKABLE ? span_from(labels_to_ask[which].name) : (struct span){0};
    struct queryable *queryable = tsdb_queryable(model->tsdb);
    int rc = name.len ? queryable->ops->label_values(queryable, name, matchers, count, mint, maxt, &arena,
                                                     &answer.texts, &answer.count, &err)
                      : queryable->ops->label_names(queryable, matchers, count, mint, maxt, &arena,
                                                    &answer.texts, &answer.count, &err);
    if (rc) {
        fail("names or values: %s", err.text);
    } else {
        expect_sorted(&answer, name.len ? "values" : "names");
        compare_texts(model, &answer, name, matchers, count, mint, maxt);
    }
    arena_release(&arena);
    release_matchers(matchers, count);
}

static void look_at_stats(struct model *model) {
    struct tsdb_stats stats;
    uint64_t series = 0;
    tsdb_stats(model->tsdb, &stats);
    for (uint32_t i = 0; i < SERIES; i++) series += model->refs[i].generation != 0;
    if (stats.series < series)
        fail("%" PRIu64 " series in use, the statistics say %" PRIu64, series, stats.series);
}

/* ---- life ---- */

static void *maintain_beside(void *context) {
    static const enum tsdb_task tasks[] = {TSDB_SNAPSHOT, TSDB_LATE, TSDB_COMPACT};
    struct model *model = context;
    struct err err;
    if (tsdb_maintain(model->tsdb, tasks[model->naive.changes % 3], &err)) fail("maintenance: %s", err.text);
    return NULL;
}

/* it waits for the answers that were asked for before, which are read while it is under way */
static void maintain(struct model *model) {
    struct thread thread;
    if (!model->options.path) return;
    model->has_late_blocks = true;
    thread_start(&thread, "maintain", maintain_beside, model);
    for (size_t i = 0; i < 4; i++)
        if (model->asked[i].set) read_answer(model, &model->asked[i]);
    thread_join(&thread);
}

static void set_window(struct model *model) {
    static const int64_t windows[] = {0, 60 * 1000, 3600 * 1000};
    model->options.late_window_ms = model->naive.window_ms = windows[chance_below(&model->random, 3)];
    tsdb_set_late_window(model->tsdb, model->naive.window_ms);
}

static void open_store(struct model *model) {
    struct err err;
    memset(model->refs, 0, sizeof model->refs);
    if (!tsdb_open(&model->options, NULL, &model->tsdb, &err)) return;
    fail("does not open: %s", err.text);
    exit(finish());
}

static void close_store(struct model *model) {
    for (size_t i = 0; i < sizeof model->asked / sizeof *model->asked; i++)
        if (model->asked[i].set) read_answer(model, &model->asked[i]);
    tsdb_close(model->tsdb);
}

static void reopen(struct model *model) {
    if (!model->options.path) return;
    close_store(model);
    crash_fs_forget(model->disk);
    open_store(model);
}

static const struct operation {
    unsigned weight;
    void (*run)(struct model *model);
} operations[] = {
    {500, append},       {150, query}, {150, query_late}, {60, query_names},
    {10, look_at_stats}, {4, reopen},  {6, maintain},     {8, set_window},
};

#define OPERATIONS (sizeof operations / sizeof *operations)

static void episode(uint64_t seed, size_t count) {
    struct model model = {.random = seed * 2 + 1, .now_ms = START_MS};
    unsigned sum = 0;
    mutex_init(&model.lock);
    condition_init(&model.changed);
    model.disk = crash_fs_create();
    model.options = (struct tsdb_options){.path = seed % 4 ? "/data" : NULL,
                                          .fs = crash_fs_base(model.disk),
                                          .no_maintenance = true,
                                          .sync = seed % 3 ? TSDB_SYNC_INTERVAL : TSDB_SYNC_ACK};
    naive_init(&model.naive);
    open_store(&model);
    for (size_t i = 0; i < OPERATIONS; i++) sum += operations[i].weight;
    for (size_t i = 0; i < count; i++) {
        trying("--seed %" PRIu64 ", operation %zu", seed, i);
        size_t pick = chance_below(&model.random, sum), which = 0;
        for (; pick >= operations[which].weight; which++) pick -= operations[which].weight;
        operations[which].run(&model);
        passed();
    }
    close_store(&model);
    (void)printf("seed %" PRIu64 ": rows by result", seed);
    for (size_t i = 0; i <= APPEND_TOO_OLD; i++) (void)printf(" %zu", model.answers[i]);
    (void)putchar('\n');
    naive_release(&model.naive);
    crash_fs_destroy(model.disk);
    condition_release(&model.changed);
    mutex_release(&model.lock);
}

int main(int count, char **texts) {
    struct arguments arguments = arguments_read(count, texts);
    log_listen();
    size_t each = 2500;
    uint64_t episodes = arguments.seeds      ? arguments.seeds
                        : arguments.has_seed ? 1
                        : arguments.is_long  ? 400
                                             : 4;
    for (uint64_t i = 0; i < episodes; i++) episode(arguments.seed + i, each);
    return finish();
}
