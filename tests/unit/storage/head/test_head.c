/*
 * The head against a store that keeps every sample with the number of its batch in plain arrays. Sets are
 * kept open over many batches and must go on answering as of their select.
 */
#include "storage/head/head.h"

#include "lib/base/bits.h"
#include "lib/base/mem.h"
#include "lib/base/vec.h"
#include "lib/model/sample.h"
#include "tests/check_main.h"
#include "tests/support/memory_fs.h"

#include <stdio.h>
#include <string.h>

#define SERIES 120
#define LABELS 5

static uint64_t random_state;
static uint32_t draw(uint32_t below) {
    random_state = random_state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(random_state >> 33) % below;
}

struct sample {
    int64_t time;
    uint64_t bits;
    uint64_t batch;
};

struct model_series {
    struct label items[LABELS];
    char texts[LABELS][16];
    struct labels labels;
    struct series_ref ref;
    VEC(struct sample) samples;
};

struct model {
    struct head *head;
    struct model_series series[SERIES];
    uint64_t batches;
    int64_t clock;
};

static const char *const label_names[LABELS] = {LABEL_NAME, "a", "b", "c", "d"};

static bool same_labels_before(const struct model *model, int i) {
    for (int k = 0; k < i; k++)
        if (labels_equal(model->series[k].labels, model->series[i].labels)) return true;
    return false;
}

static void draw_labels(struct model_series *series) {
    uint32_t count = 0;
    for (int k = 0; k < LABELS; k++) {
        if (k && draw(3) == 0) continue;
        (void)snprintf(series->texts[count], sizeof series->texts[count], "v%u", draw(k == 4 ? 200 : 4));
        series->items[count] = (struct label){span_from(label_names[k]), span_from(series->texts[count])};
        count++;
    }
    series->labels = (struct labels){series->items, count};
}

static void model_init(struct model *model, struct file_system *fs, const char *folder) {
    struct head_options options = {.fs = fs, .chunk_folder = folder};
    struct err err;
    *model = (struct model){.clock = 1000};
    ck_assert_int_eq(head_create(&options, &model->head, &err), 0);
    for (int i = 0; i < SERIES; i++) do
            draw_labels(&model->series[i]);
        while (same_labels_before(model, i));
}

static void model_release(struct model *model) {
    for (int i = 0; i < SERIES; i++) vec_release(&model->series[i].samples);
    head_destroy(model->head);
}

static struct series_ref resolve(struct model *model, int i) {
    struct model_series *series = &model->series[i];
    struct series_ref ref;
    bool created;
    struct err err;
    ck_assert_int_eq(head_resolve(model->head, &series->labels, 1, &ref, &created, &err), 0);
    ck_assert_int_eq(created, series->ref.generation == 0);
    if (!created) ck_assert_mem_eq(&ref, &series->ref, sizeof ref);
    series->ref = ref;
    return ref;
}

static uint8_t model_append(struct model *model, int i, int64_t time, uint64_t bits) {
    struct model_series *series = &model->series[i];
    struct sample *last = series->samples.count ? &series->samples.items[series->samples.count - 1] : NULL;
    if (last && time < last->time) return APPEND_OUT_OF_ORDER;
    if (last && time == last->time) return bits == last->bits ? APPEND_REPEATED : APPEND_DUPLICATE;
    *vec_push(&series->samples) = (struct sample){time, bits, model->batches};
    return APPEND_STORED;
}

static uint64_t draw_bits(void) {
    switch (draw(4)) {
    case 0: return STALE_BITS;
    case 1: return double_bits((double)draw(1000) / 16);
    default: return double_bits((double)draw(100000));
    }
}

/* a third of the series, whose times are one step apart but for a few, and which have few staleness markers
 */
static bool is_even(int i) {
    return i % 3 == 0;
}

static int64_t draw_time(const struct model *model, int i) {
    const struct model_series *series = &model->series[i];
    if (!is_even(i) || !series->samples.count) return model->clock + (int64_t)draw(6) - (draw(10) ? 0 : 5);
    return series->samples.items[series->samples.count - 1].time + 7 + (draw(200) == 0);
}

static void append_batch(struct model *model) {
    enum { MOST = 3 * SERIES };
    struct series_ref refs[MOST];
    double values[MOST];
    int64_t times[MOST];
    uint8_t results[MOST] = {0}, wanted[MOST];
    size_t count = 1 + draw(MOST);
    model->batches++;
    model->clock += 1 + draw(20);
    for (size_t k = 0; k < count; k++) {
        int i = (int)draw(SERIES);
        refs[k] = resolve(model, i);
        times[k] = draw_time(model, i);
        uint64_t bits = draw_bits();
        if (is_even(i) && draw(200)) bits = double_bits((double)draw(1000));
        values[k] = bits_double(bits);
        wanted[k] = model_append(model, i, times[k], bits);
    }
    head_append(model->head, &(struct head_rows){.refs = refs,
                                                 .values = values,
                                                 .times_ms = times,
                                                 .late_from = LATE_NEVER,
                                                 .count = count,
                                                 .results = results});
    ck_assert_mem_eq(results, wanted, count);
}

/* matchers of each kind, also such that match "" and of unknown names and values */
struct matchers {
    struct matcher items[4];
    char values[4][24];
    size_t count;
};

static void draw_matchers(struct matchers *m) {
    static const char *const patterns[] = {"v[01]", "v1|v2|v77", ".*",   ".+",    "",
                                           "v1|",   "x.*",       "v1.*", "(v1.)?"};
    m->count = draw(4);
    for (size_t i = 0; i < m->count; i++) {
        enum matcher_type type = (enum matcher_type)draw(4);
        const char *name = draw(12) ? label_names[draw(LABELS)] : "unknown";
        if (type == MATCH_REGEX || type == MATCH_NOT_REGEX)
            (void)snprintf(m->values[i], sizeof m->values[i], "%s", patterns[draw(9)]);
        else
            (void)snprintf(m->values[i], sizeof m->values[i], "v%u", draw(5));
        if (type < MATCH_REGEX && draw(6) == 0) m->values[i][0] = 0;
        struct err err;
        ck_assert_int_eq(matcher_init(&m->items[i], type, span_from(name), span_from(m->values[i]), &err), 0);
    }
}

static void matchers_release(struct matchers *m) {
    for (size_t i = 0; i < m->count; i++) matcher_release(&m->items[i]);
}

static bool is_seen(const struct sample *sample, uint64_t batch, int64_t mint, int64_t maxt) {
    return sample->batch <= batch && sample->time >= mint && sample->time <= maxt;
}

static size_t seen_count(const struct model_series *series, uint64_t batch, int64_t mint, int64_t maxt) {
    size_t seen = 0;
    for (size_t k = 0; k < series->samples.count; k++)
        seen += is_seen(&series->samples.items[k], batch, mint, maxt);
    return seen;
}

static int find_series(const struct model *model, struct labels labels) {
    for (int i = 0; i < SERIES; i++)
        if (labels_equal(model->series[i].labels, labels)) return i;
    ck_abort_msg("a series that nobody made");
    return -1;
}

static void check_read(const struct model_series *series, struct series_set *set, size_t at, uint64_t batch,
                       int64_t mint, int64_t maxt, bool only_markers) {
    struct columns columns;
    struct err err;
    columns_init(&columns, NULL);
    columns.only_markers = only_markers;
    int rc = series_set_read(set, at, mint, maxt, &columns, &err);
    ck_assert_msg(rc == 0, "%s", err.text);
    ck_assert_uint_eq(columns.count, seen_count(series, batch, mint, maxt));
    for (size_t k = 0, row = 0; k < series->samples.count; k++) {
        const struct sample *sample = &series->samples.items[k];
        if (!is_seen(sample, batch, mint, maxt)) continue;
        ck_assert_int_eq(columns.times_ms[row], sample->time);
        double value = columns.values[row++];
        if (only_markers)
            ck_assert_int_eq(value_is_stale(value), sample->bits == STALE_BITS);
        else
            ck_assert_uint_eq(double_bits(value), sample->bits);
    }
    columns_release(&columns);
}

/* A set held open, and what it must go on showing. */
struct held {
    struct series_set *set;
    uint64_t batch;
    struct matchers matchers;
    int64_t mint, maxt;
};

static void draw_range(const struct model *model, int64_t *mint, int64_t *maxt) {
    *mint = draw(2) ? INT64_MIN : (int64_t)draw((uint32_t)model->clock + 50);
    *maxt = draw(2) ? INT64_MAX : (int64_t)draw((uint32_t)model->clock + 50);
}

static void hold(struct model *model, struct held *held) {
    struct err err;
    draw_matchers(&held->matchers);
    draw_range(model, &held->mint, &held->maxt);
    held->batch = model->batches;
    int rc = head_select(model->head, NULL, held->matchers.items, held->matchers.count, held->mint,
                         held->maxt, NULL, &held->set, &err);
    ck_assert_msg(rc == 0, "%s", err.text);
}

static void check_held(const struct model *model, const struct held *held) {
    bool in_set[SERIES] = {false};
    struct arena arena;
    struct err err;
    arena_init(&arena, 1 << 20, NULL);
    for (size_t at = 0; at < held->set->count; at++) {
        struct labels labels;
        ck_assert_int_eq(series_set_labels(held->set, at, &arena, &labels, &err), 0);
        int i = find_series(model, labels);
        ck_assert(!in_set[i]);
        ck_assert(matchers_match(held->matchers.items, held->matchers.count, labels));
        in_set[i] = true;
        check_read(&model->series[i], held->set, at, held->batch, held->mint, held->maxt, false);
        check_read(&model->series[i], held->set, at, held->batch, held->mint, held->maxt, true);
    }
    for (int i = 0; i < SERIES; i++)
        if (matchers_match(held->matchers.items, held->matchers.count, model->series[i].labels) &&
            seen_count(&model->series[i], held->batch, held->mint, held->maxt))
            ck_assert(in_set[i]);
    arena_release(&arena);
}

static void let_go(struct held *held) {
    series_set_close(held->set);
    held->set = NULL;
    matchers_release(&held->matchers);
}

static bool has_text(const struct span *list, size_t count, struct span text) {
    for (size_t i = 0; i < count; i++)
        if (span_equal(list[i], text)) return true;
    return false;
}

static void check_sorted(const struct span *list, size_t count) {
    for (size_t i = 1; i < count; i++) ck_assert_int_lt(span_compare(list[i - 1], list[i]), 0);
}

/* names and values over all times: exactly those of matching series that have samples */
static void check_names(struct model *model) {
    struct matchers m;
    struct arena arena;
    struct err err;
    struct span *names, *values;
    size_t name_count, value_count, wanted_names = 0, wanted_values = 0;
    struct span name = span_from(label_names[draw(LABELS)]);
    bool wanted[LABELS] = {false};
    VEC(struct span) distinct = {0};
    draw_matchers(&m);
    arena_init(&arena, 1 << 20, NULL);
    ck_assert_int_eq(head_label_names(model->head, m.items, m.count, INT64_MIN, INT64_MAX, &arena, &names,
                                      &name_count, &err),
                     0);
    ck_assert_int_eq(head_label_values(model->head, name, m.items, m.count, INT64_MIN, INT64_MAX, &arena,
                                       &values, &value_count, &err),
                     0);
    for (int i = 0; i < SERIES; i++) {
        const struct model_series *series = &model->series[i];
        if (!series->samples.count || !matchers_match(m.items, m.count, series->labels)) continue;
        for (int k = 0; k < LABELS; k++)
            if (labels_has(series->labels, span_from(label_names[k]))) wanted[k] = true;
        struct span value = labels_get(series->labels, name);
        if (value.len && !has_text(distinct.items, distinct.count, value)) *vec_push(&distinct) = value;
    }
    for (int k = 0; k < LABELS; k++) {
        wanted_names += wanted[k];
        ck_assert_int_eq(has_text(names, name_count, span_from(label_names[k])), wanted[k]);
    }
    for (size_t k = 0; k < distinct.count; k++)
        wanted_values += has_text(values, value_count, distinct.items[k]);
    ck_assert_uint_eq(name_count, wanted_names);
    ck_assert_uint_eq(value_count, wanted_values);
    ck_assert_uint_eq(value_count, distinct.count);
    check_sorted(names, name_count);
    check_sorted(values, value_count);
    vec_release(&distinct);
    arena_release(&arena);
    matchers_release(&m);
}

#define HELD 5

static void run_model(uint64_t seed, struct file_system *fs, const char *folder) {
    static struct model model;
    struct held held[HELD] = {0};
    random_state = seed;
    model_init(&model, fs, folder);
    for (int step = 0; step < 250; step++) {
        append_batch(&model);
        struct held *one = &held[draw(HELD)];
        if (!one->set) {
            hold(&model, one);
        } else if (draw(4) == 0) {
            check_held(&model, one);
            let_go(one);
        }
        if (step % 5 == 0) check_names(&model);
        for (int i = 0; step % 10 == 0 && i < HELD; i++)
            if (held[i].set) check_held(&model, &held[i]);
    }
    for (int i = 0; i < HELD; i++)
        if (held[i].set) let_go(&held[i]);
    struct head_stats stats;
    size_t samples = 0;
    for (int i = 0; i < SERIES; i++) samples += model.series[i].samples.count;
    head_stats(model.head, &stats);
    ck_assert_uint_eq(stats.samples, samples);
    ck_assert_uint_eq(stats.series, SERIES);
    model_release(&model);
}

START_TEST(reads_are_as_of_their_select_in_memory) {
    for (uint64_t seed = 1; seed <= 3; seed++) run_model(seed, file_system_real(), NULL);
}
END_TEST

START_TEST(reads_are_as_of_their_select_with_files) {
    for (uint64_t seed = 11; seed <= 13; seed++) {
        struct memory_fs *disk = memory_fs_create();
        run_model(seed, memory_fs_base(disk), "/chunks_head");
        memory_fs_destroy(disk);
    }
}
END_TEST

static bool is_text(struct span name, void *context) {
    return span_is(name, context);
}

/* of __name__, where a label is needed; without `skipped` */
static size_t rank(struct head *head, enum head_ranking ranking, size_t limit, char *skipped,
                   struct arena *arena, struct head_top **tops) {
    struct head_ranked ranked = {ranking, SPAN(LABEL_NAME), limit, skipped ? is_text : NULL, skipped};
    struct err err;
    size_t count;
    ck_assert_int_eq(head_rank(head, &ranked, arena, tops, &count, &err), 0);
    return count;
}

START_TEST(rankings_are_largest_first) {
    struct head_options options = {.fs = file_system_real()};
    struct head *head;
    struct err err;
    ck_assert_int_eq(head_create(&options, &head, &err), 0);
    for (int i = 0; i < 30; i++) {
        char text[16];
        (void)snprintf(text, sizeof text, "i%02d", i);
        struct label items[] = {{SPAN(LABEL_NAME), i < 20 ? SPAN("many") : SPAN("few")},
                                {SPAN("id"), span_from(text)}};
        struct labels labels = {items, 2};
        struct series_ref ref;
        ck_assert_int_eq(head_resolve(head, &labels, 1, &ref, NULL, &err), 0);
    }
    struct arena arena;
    struct head_top *tops;
    arena_init(&arena, 1 << 16, NULL);
    char skipped[] = "many";
    ck_assert_uint_eq(rank(head, HEAD_SERIES_BY_VALUE, 10, skipped, &arena, &tops), 1);
    ck_assert(span_is(tops[0].name, "few") && tops[0].count == 10);
    ck_assert_uint_eq(rank(head, HEAD_SERIES_BY_VALUE, 10, NULL, &arena, &tops), 2);
    ck_assert(span_is(tops[0].name, "many") && tops[0].count == 20);
    ck_assert(span_is(tops[1].name, "few") && tops[1].count == 10);
    ck_assert_uint_eq(rank(head, HEAD_VALUES_BY_NAME, 1, NULL, &arena, &tops), 1);
    ck_assert(span_is(tops[0].name, "id") && tops[0].count == 30);
    ck_assert_uint_eq(rank(head, HEAD_BYTES_BY_NAME, 5, NULL, &arena, &tops), 2);
    ck_assert(span_is(tops[0].name, LABEL_NAME) && tops[0].count == 20 * 4 + 10 * 3);
    ck_assert_uint_eq(rank(head, HEAD_SERIES_BY_PAIR, 2, NULL, &arena, &tops), 2);
    ck_assert(span_is(tops[0].name, "__name__=many") && tops[0].count == 20);
    arena_release(&arena);
    head_destroy(head);
}
END_TEST

START_TEST(label_sets_beyond_the_limits_are_refused) {
    struct head_options options = {.fs = file_system_real()};
    struct head *head;
    struct err err;
    ck_assert_int_eq(head_create(&options, &head, &err), 0);
    char *text = mem_zalloc(1 << 20);
    memset(text, 'x', 1 << 20);
    struct label long_label = {SPAN("a"), span_of(text, 1 << 20)};
    struct labels labels = {&long_label, 1};
    struct series_ref ref = {5, 0};
    ck_assert_int_eq(head_resolve(head, &labels, 1, &ref, NULL, &err), ERR_LIMIT);
    ck_assert_uint_eq(ref.slot, 5);
    struct label *many = mem_array(5000, sizeof *many);
    for (size_t i = 0; i < 5000; i++) many[i] = (struct label){span_of(text, i + 1), SPAN("v")};
    labels = (struct labels){many, 5000};
    ck_assert_int_eq(head_resolve(head, &labels, 1, &ref, NULL, &err), ERR_LIMIT);
    labels.count = 4096;
    ck_assert_int_eq(head_resolve(head, &labels, 1, &ref, NULL, &err), 0);
    labels.count = 0;
    ck_assert_int_eq(head_resolve(head, &labels, 1, &ref, NULL, &err), 0);
    mem_free(many);
    mem_free(text);
    head_destroy(head);
}
END_TEST

CHECK_MAIN("head", reads_are_as_of_their_select_in_memory, reads_are_as_of_their_select_with_files,
           rankings_are_largest_first, label_sets_beyond_the_limits_are_refused)
