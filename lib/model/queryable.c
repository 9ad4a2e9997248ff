#include "lib/model/queryable.h"

#include "lib/base/mem.h"

#include <string.h>

#define COLUMN_ROW_BYTES (sizeof(int64_t) + sizeof(double))
#define COLUMNS_SMALLEST ((size_t)128)

void columns_init(struct columns *columns, struct budget *budget) {
    *columns = (struct columns){.budget = budget};
    arena_init(&columns->arena, SIZE_MAX, budget);
}

void columns_release(struct columns *columns) {
    if (columns->budget) budget_give(columns->budget, columns->capacity * COLUMN_ROW_BYTES);
    mem_free(columns->times_ms);
    mem_free(columns->values);
    mem_free(columns->histograms);
    mem_free(columns->starts_ms);
    arena_release(&columns->arena);
    columns_init(columns, columns->budget);
}

int columns_reserve(struct columns *columns, size_t more, struct err *err) {
    columns->step_before = columns->step_ms;
    columns->step_ms = 0;
    if (more <= columns->capacity - columns->count) return 0;
    size_t wanted, capacity = columns->capacity ? columns->capacity * 2 : COLUMNS_SMALLEST;
    if (__builtin_add_overflow(columns->count, more, &wanted) || wanted > SIZE_MAX / (4 * COLUMN_ROW_BYTES))
        return err_set(err, ERR_LIMIT, "too many samples");
    if (capacity < wanted) capacity = wanted;
    if (columns->budget && !budget_take(columns->budget, (capacity - columns->capacity) * COLUMN_ROW_BYTES))
        return err_set(err, ERR_LIMIT, "%s limit of %zu bytes reached while reading samples",
                       columns->budget->name, columns->budget->max_bytes);
    columns->times_ms = mem_resize(columns->times_ms, capacity, sizeof *columns->times_ms);
    columns->values = mem_resize(columns->values, capacity, sizeof *columns->values);
    if (columns->histograms) {
        columns->histograms = mem_resize(columns->histograms, capacity, sizeof *columns->histograms);
        memset(columns->histograms + columns->capacity, 0,
               (capacity - columns->capacity) * sizeof *columns->histograms);
    }
    if (columns->starts_ms) {
        columns->starts_ms = mem_resize(columns->starts_ms, capacity, sizeof *columns->starts_ms);
        memset(columns->starts_ms + columns->capacity, 0,
               (capacity - columns->capacity) * sizeof *columns->starts_ms);
    }
    columns->capacity = capacity;
    return 0;
}

void columns_note_step(struct columns *columns, size_t from, int64_t step_ms) {
    size_t added = columns->count - from;
    if (!added) columns->step_ms = columns->step_before;
    if (!from && added > 1) columns->step_ms = step_ms;
    if (!from || !added) return;
    int64_t gap_ms = columns->times_ms[from] - columns->times_ms[from - 1];
    bool fits = (from == 1 || gap_ms == columns->step_before) && (added == 1 || gap_ms == step_ms);
    columns->step_ms = fits ? gap_ms : 0;
}

void columns_reset(struct columns *columns) {
    columns->step_ms = 0;
    if (columns->histograms) {
        memset(columns->histograms, 0, columns->count * sizeof *columns->histograms);
        arena_release(&columns->arena);
    }
    if (columns->starts_ms) memset(columns->starts_ms, 0, columns->count * sizeof *columns->starts_ms);
    columns->count = 0;
}

void columns_set_start(struct columns *columns, size_t i, int64_t start_ms) {
    /* small beside what is counted, as pointers of histograms are */
    if (!columns->starts_ms) columns->starts_ms = mem_array(columns->capacity, sizeof *columns->starts_ms);
    columns->starts_ms[i] = start_ms;
}

int columns_add_histogram(struct columns *columns, int64_t time_ms, const struct histogram *histogram,
                          struct err *err) {
    int rc = columns_reserve(columns, 1, err);
    if (rc) return rc;
    /* the pointers are small beside the histograms, and not counted */
    if (!columns->histograms) columns->histograms = mem_array(columns->capacity, sizeof *columns->histograms);
    struct histogram *copy = histogram_copy(histogram, &columns->arena);
    if (!copy) return arena_limit(&columns->arena, "samples of a histogram", err);
    columns->times_ms[columns->count] = time_ms;
    columns->values[columns->count] = histogram->sum;
    columns->histograms[columns->count++] = copy;
    return 0;
}

int columns_add_row(struct columns *to, const struct columns *from, size_t i, struct err *err) {
    const struct histogram *histogram = columns_histogram(from, i);
    int rc = histogram ? columns_add_histogram(to, from->times_ms[i], histogram, err)
                       : columns_reserve(to, 1, err);
    if (rc) return rc;
    if (!histogram) {
        to->times_ms[to->count] = from->times_ms[i];
        to->values[to->count++] = from->values[i];
    }
    if (from->starts_ms) columns_set_start(to, to->count - 1, from->starts_ms[i]);
    return 0;
}

bool columns_has_histograms(const struct columns *columns) {
    for (size_t i = 0; columns->histograms && i < columns->count; i++)
        if (columns->histograms[i]) return true;
    return false;
}

static void move_row(struct columns *columns, size_t to, size_t from) {
    columns->step_ms = 0;
    columns->times_ms[to] = columns->times_ms[from];
    columns->values[to] = columns->values[from];
    if (columns->histograms) columns->histograms[to] = columns->histograms[from];
    if (columns->starts_ms) columns->starts_ms[to] = columns->starts_ms[from];
}

/* rows [count, end) are none any more: their entries are as new ones */
static void cut_rows(struct columns *columns, size_t count, size_t end) {
    columns->count = count;
    if (columns->histograms)
        memset(columns->histograms + count, 0, (end - count) * sizeof *columns->histograms);
    if (columns->starts_ms) memset(columns->starts_ms + count, 0, (end - count) * sizeof *columns->starts_ms);
}

size_t columns_drop_histograms(struct columns *columns) {
    size_t kept = 0, count = columns->count;
    for (size_t i = 0; columns->histograms && i < count; i++) {
        if (!columns->histograms[i]) move_row(columns, kept++, i);
    }
    if (columns->histograms) cut_rows(columns, kept, count);
    return count - columns->count;
}

/* rows in front without a staleness marker, by sixteens; several values are looked at at once */
static size_t count_good(const struct columns *columns) {
    for (size_t i = 0;; i += 16) {
        uint64_t any = 0;
        if (i + 16 > columns->count) return i;
        for (size_t k = i; k < i + 16; k++) {
            uint64_t other = double_bits(columns->values[k]) ^ STALE_BITS;
            any |= (other - 1) & ~other; /* the highest bit: it was 0 */
        }
        if (any >> 63) return i;
    }
}

void columns_drop_stale(struct columns *columns) {
    size_t kept = count_good(columns), count = columns->count;
    while (kept < count && !value_is_stale(columns->values[kept])) kept++;
    for (size_t i = kept; i < count; i++)
        if (!value_is_stale(columns->values[i])) move_row(columns, kept++, i);
    cut_rows(columns, kept, count);
}

/* The first run is copied behind the rows; then both are merged into its place, which the second cannot
 * overtake. */
int columns_merge(struct columns *columns, size_t from, size_t middle, struct err *err) {
    size_t count = columns->count, length = middle - from;
    if (!length || middle == count || columns->times_ms[middle - 1] < columns->times_ms[middle]) return 0;
    int rc = columns_reserve(columns, length, err);
    if (rc) return rc;
    for (size_t i = 0; i < length; i++) move_row(columns, count + i, from + i);
    size_t first = count, first_end = count + length, second = middle, to = from;
    const int64_t *times = columns->times_ms;
    while (first < first_end || second < count) {
        bool take_first = second == count || (first < first_end && times[first] <= times[second]);
        if (take_first && second < count && times[first] == times[second]) second++;
        move_row(columns, to++, take_first ? first++ : second++);
    }
    cut_rows(columns, to, first_end);
    return 0;
}

int series_set_read_newest(struct series_set *set, size_t index, int64_t mint, int64_t maxt,
                           struct columns *columns, struct err *err) {
    bool is_there;
    int64_t time_ms;
    double value;
    if (!set->ops->newest || !set->ops->newest(set, index, mint, maxt, &is_there, &time_ms, &value))
        return series_set_read(set, index, mint, maxt, columns, err);
    int rc = is_there ? columns_reserve(columns, 1, err) : 0;
    if (rc || !is_there) return rc;
    columns->times_ms[columns->count] = time_ms;
    columns->values[columns->count++] = value;
    return 0;
}
