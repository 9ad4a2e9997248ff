#include "tests/faults/ledger.h"

#include "lib/base/bits.h"
#include "tests/faults/harness.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

void ledger_release(struct ledger *ledger) {
    for (size_t i = 0; i < ledger->series.count; i++) vec_release(&ledger->series.items[i].samples);
    vec_release(&ledger->series);
    ledger->sample_count = 0;
}

void ledger_add(struct ledger *ledger, uint32_t number, struct ledger_sample sample) {
    while (ledger->series.count <= number) *vec_push(&ledger->series) = (struct ledger_series){0};
    struct ledger_series *series = &ledger->series.items[number];
    struct ledger_sample *place = vec_push(&series->samples);
    for (; place > series->samples.items && place[-1].time_ms > sample.time_ms; place--) *place = place[-1];
    *place = sample;
    ledger->sample_count++;
}

void ledger_closed(struct ledger *ledger, bool cleanly, size_t moment) {
    for (size_t i = 0; i < ledger->series.count; i++) {
        struct ledger_series *series = &ledger->series.items[i];
        for (size_t k = 0; k < series->samples.count; k++) {
            struct ledger_sample *sample = &series->samples.items[k];
            if (sample->state == LEDGER_TAKEN && cleanly) sample->acknowledged = moment;
            if (sample->state != LEDGER_REFUSED) sample->state = LEDGER_SENT;
        }
    }
}

void ledger_as_of(const struct ledger *ledger, size_t moment, struct ledger *later) {
    *later = (struct ledger){0};
    for (uint32_t i = 0; i < ledger->series.count; i++)
        for (size_t k = 0; k < ledger->series.items[i].samples.count; k++) {
            struct ledger_sample sample = ledger->series.items[i].samples.items[k];
            if (sample.sent > moment) continue;
            sample.sent = 0;
            sample.acknowledged = sample.acknowledged <= moment ? 0 : MOMENT_NEVER;
            sample.state = LEDGER_SENT;
            ledger_add(later, i, sample);
        }
}

int64_t ledger_newest(const struct ledger *ledger, uint32_t number) {
    if (number >= ledger->series.count || !ledger->series.items[number].samples.count) return INT64_MIN;
    const struct ledger_series *series = &ledger->series.items[number];
    return series->samples.items[series->samples.count - 1].time_ms;
}

bool ledger_newest_sample(const struct ledger *ledger, uint32_t number, struct ledger_sample *sample) {
    if (number >= ledger->series.count) return false;
    const struct ledger_series *series = &ledger->series.items[number];
    for (size_t i = series->samples.count; i-- > 0;) {
        if (series->samples.items[i].state == LEDGER_REFUSED) continue;
        *sample = series->samples.items[i];
        return true;
    }
    return false;
}

/* ---- labels ---- */

struct labels ledger_labels(uint32_t series, struct label items[LEDGER_LABELS], char text[LEDGER_TEXT]) {
    static const char *const shapes[] = {"x", "\xc3\xa4\xe2\x82\xac", "a b\"c\\d\n", "{}", "=~", "0", "-"};
    struct {
        size_t used;
        uint32_t count;
    } made = {0};
    size_t wide = series % 13 == 0 ? 300 : 1 + series % 20;
#define PUT(label_name, ...)                                                                                 \
    do {                                                                                                     \
        int len = snprintf(text + made.used, LEDGER_TEXT - made.used, __VA_ARGS__);                          \
        items[made.count++] = (struct label){SPAN(label_name), {text + made.used, (size_t)len}};             \
        made.used += (size_t)len;                                                                            \
    } while (0)
    PUT("__name__", "metric_%u", series % 7);
    if (series % 3) PUT("few", "%u", series % 4);
    PUT("id", "%u", series);
    if (series % 5) PUT("shape", "%s", shapes[series % 7]);
    PUT("wide", "%0*u", (int)wide, series % 10);
#undef PUT
    return (struct labels){items, made.count};
}

uint32_t ledger_number(struct labels labels) {
    struct span id = labels_get(labels, SPAN("id"));
    uint64_t number = 0;
    if (!id.len || id.len > 9) return UINT32_MAX;
    for (size_t i = 0; i < id.len; i++) {
        if (id.ptr[i] < '0' || id.ptr[i] > '9') return UINT32_MAX;
        number = number * 10 + (uint64_t)(id.ptr[i] - '0');
    }
    struct label items[LEDGER_LABELS];
    char text[LEDGER_TEXT];
    return labels_equal(labels, ledger_labels((uint32_t)number, items, text)) ? (uint32_t)number : UINT32_MAX;
}

/* ---- comparing ---- */

struct check {
    const struct ledger *ledger;
    size_t moment;
    bool tolerant;
    struct ledger_outcome outcome;
};

/* the entries of one time, [from, to): what may be there, what must */
struct entries {
    const struct ledger_sample *items;
    size_t from, to;
};

static bool is_acknowledged(const struct check *check, const struct ledger_sample *sample) {
    return sample->acknowledged <= check->moment ||
           (check->moment == MOMENT_NOW && sample->state == LEDGER_TAKEN);
}

/* The one with these bits, if there is one: of a late sample and one of the same time that came in order both
 * may be stored, but only one is seen. */
static const struct ledger_sample *acknowledged_of(const struct check *check, const struct entries *entries,
                                                   uint64_t bits) {
    const struct ledger_sample *found = NULL;
    for (size_t i = entries->from; i < entries->to; i++) {
        if (!is_acknowledged(check, &entries->items[i])) continue;
        if (!found || entries->items[i].bits == bits) found = &entries->items[i];
    }
    return found;
}

static bool was_sent(const struct check *check, const struct entries *entries, uint64_t bits) {
    for (size_t i = entries->from; i < entries->to; i++) {
        const struct ledger_sample *sample = &entries->items[i];
        bool is_hidden = check->moment == MOMENT_NOW && sample->state >= LEDGER_REFUSED;
        if (sample->sent <= check->moment && sample->bits == bits && !is_hidden) return true;
    }
    return false;
}

static void expect_missing(struct check *check, uint32_t number, const struct entries *entries) {
    const struct ledger_sample *wanted = acknowledged_of(check, entries, 0);
    if (!wanted) return;
    check->outcome.missing++;
    if (!check->tolerant)
        fail("series %u: the sample at %" PRId64 " (%016" PRIx64
             ", sent at %zu, acknowledged at %zu) is missing",
             number, wanted->time_ms, wanted->bits, wanted->sent, wanted->acknowledged);
}

static void expect_sample(struct check *check, uint32_t number, const struct entries *entries,
                          int64_t time_ms, uint64_t bits) {
    const struct ledger_sample *wanted = acknowledged_of(check, entries, bits);
    check->outcome.found++;
    if (wanted && wanted->bits != bits && check->tolerant && was_sent(check, entries, bits)) {
        check->outcome.missing++;
        check->outcome.resurfaced++;
    } else if (wanted && wanted->bits != bits)
        fail("series %u: the sample at %" PRId64 " is %016" PRIx64 ", acknowledged was %016" PRIx64, number,
             time_ms, bits, wanted->bits);
    else if (!wanted && !was_sent(check, entries, bits))
        fail("series %u: a sample at %" PRId64 " (%016" PRIx64 ") was never sent", number, time_ms, bits);
}

static struct entries entries_at(const struct ledger_series *series, size_t from) {
    size_t to = from;
    while (to < series->samples.count &&
           series->samples.items[to].time_ms == series->samples.items[from].time_ms)
        to++;
    return (struct entries){series->samples.items, from, to};
}

static void check_rows(struct check *check, uint32_t number, const struct columns *rows) {
    static const struct ledger_series none;
    const struct ledger_series *series =
        number < check->ledger->series.count ? &check->ledger->series.items[number] : &none;
    size_t at = 0;
    for (size_t i = 0; i < rows->count; i++) {
        if (i && rows->times_ms[i] <= rows->times_ms[i - 1])
            fail("series %u: times are not ascending at %" PRId64, number, rows->times_ms[i]);
        struct entries entries = entries_at(series, at);
        while (at < series->samples.count && series->samples.items[at].time_ms < rows->times_ms[i]) {
            expect_missing(check, number, &entries);
            at = entries.to;
            entries = entries_at(series, at);
        }
        if (at < series->samples.count && series->samples.items[at].time_ms == rows->times_ms[i])
            at = entries.to;
        else
            entries.to = entries.from;
        expect_sample(check, number, &entries, rows->times_ms[i], double_bits(rows->values[i]));
    }
    while (at < series->samples.count) {
        struct entries entries = entries_at(series, at);
        expect_missing(check, number, &entries);
        at = entries.to;
    }
}

static void check_series(struct check *check, struct series_set *set, size_t index, uint8_t *seen) {
    struct arena arena;
    struct labels labels;
    struct columns rows;
    struct err err;
    arena_init(&arena, 1 << 16, NULL);
    int rc = series_set_labels(set, index, &arena, &labels, &err);
    uint32_t number = rc ? UINT32_MAX : ledger_number(labels);
    arena_release(&arena);
    if (number >= check->ledger->series.count) {
        fail("series %zu of the answer has labels that were never sent (%s)", index,
             rc ? err.text : "no error");
        return;
    }
    if (seen[number]++) fail("series %u is there twice", number);
    columns_init(&rows, NULL);
    rc = series_set_read(set, index, INT64_MIN, INT64_MAX, &rows, &err);
    check->outcome.unreadable += rc != 0;
    if (rc && !check->tolerant) fail("series %u cannot be read: %s", number, err.text);
    check_rows(check, number, &rows);
    columns_release(&rows);
}

struct ledger_outcome ledger_check(const struct ledger *ledger, struct queryable *queryable, size_t moment,
                                   bool tolerant) {
    struct check check = {ledger, moment, tolerant, {0}};
    struct series_set *set;
    struct matcher all;
    struct err err;
    uint8_t *seen = mem_array(ledger->series.count + 1, 1);
    int rc = matcher_init(&all, MATCH_NOT_EQUAL, SPAN(LABEL_NAME), SPAN(""), &err);
    if (!rc) rc = queryable_select(queryable, &all, 1, INT64_MIN, INT64_MAX, NULL, &set, &err);
    if (rc) {
        if (!tolerant) fail("nothing can be selected: %s", err.text);
    } else {
        for (size_t i = 0; i < set->count; i++) check_series(&check, set, i, seen);
        check.outcome.has_warning = set->warning != NULL;
        series_set_close(set);
        static const struct columns nothing;
        for (uint32_t i = 0; i < ledger->series.count; i++)
            if (!seen[i]) check_rows(&check, i, &nothing);
    }
    matcher_release(&all);
    mem_free(seen);
    return check.outcome;
}
