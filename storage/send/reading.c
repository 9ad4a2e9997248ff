/*
 * reading.c - what a queue fell behind comes from head and blocks, in windows of time.
 *
 *     from .. [window][window][window] .. the end of time
 *               a moment of the store each; the next begins when all of the one before was answered
 *
 * Rows come to the tail meanwhile. Those that a window has already, because they were in the store at its
 * moment, are left out when they are taken from the tail.
 */
#include "lib/base/log.h"
#include "lib/sys/clock.h"
#include "storage/send/inside.h"

#define FIRST_WIDTH_MS ((int64_t)60 * 1000)
#define LEAST_WIDTH_MS ((int64_t)10 * 1000)
#define MOST_WIDTH_MS ((int64_t)24 * 3600 * 1000)
#define EMPTY_WIDTH_MS ((int64_t)1 << 55) /* times may be any */
#define ROWS_WANTED ((size_t)500000)      /* of a window: so long its moment is held */
#define LABELS_MAX_BYTES ((size_t)4 << 20)

void reading_init(struct queue *queue) {
    struct reading *reading = &queue->reading;
    *reading = (struct reading){.is_on = false};
    columns_init(&reading->columns, NULL);
    arena_init(&reading->arena, LABELS_MAX_BYTES, NULL);
}

static void close_window(struct reading *reading) {
    if (reading->set) series_set_close(reading->set);
    if (reading->moment) queryable_end(reading->moment);
    reading->set = NULL;
    reading->moment = NULL;
}

void reading_release(struct queue *queue) {
    struct reading *reading = &queue->reading;
    close_window(reading);
    columns_release(&reading->columns);
    arena_release(&reading->arena);
    vec_release(&reading->done);
}

void reading_begin(struct queue *queue) {
    struct reading *reading = &queue->reading;
    reading->done.count = 0;
    reading->from = tail_begin(queue->tail);
    reading->width_ms = FIRST_WIDTH_MS;
    reading->is_first = true;
    reading->is_on = reading->from != INT64_MAX;
    if (!reading->is_on) return;
    LOG(LOG_INFO, "remote write reads what it has not sent yet", "remote_name", queue->name, "from_ms",
        log_text("%lld", (long long)reading->from));
}

static int open_window(struct queue *queue, struct err *err) {
    struct reading *reading = &queue->reading;
    int64_t now = clock_wall_ms();
    bool is_last = reading->from > now - reading->width_ms;
    reading->to = is_last ? INT64_MAX : reading->from + reading->width_ms - 1;
    reading->moment = queryable_begin(tsdb_queryable(queue->sender->options.tsdb));
    reading->index = reading->rows = 0;
    reading->has_series = false;
    *vec_push(&reading->done) =
        (struct read_window){reading->from, reading->to, tail_moment(reading->moment)};
    return queryable_select(reading->moment, NULL, 0, reading->from, reading->to, NULL, &reading->set, err);
}

/* all of it has been answered: the next, wide enough for some work */
static void next_window(struct queue *queue) {
    struct reading *reading = &queue->reading;
    bool is_last = reading->to == INT64_MAX;
    close_window(reading);
    reading->is_first = false;
    int64_t most_ms = reading->rows ? MOST_WIDTH_MS : EMPTY_WIDTH_MS;
    if (reading->width_ms > most_ms) reading->width_ms = most_ms;
    if (reading->rows < ROWS_WANTED / 4 && reading->width_ms <= most_ms / 4) reading->width_ms *= 4;
    if (reading->rows > ROWS_WANTED && reading->width_ms > 2 * LEAST_WIDTH_MS) reading->width_ms /= 2;
    reading->from = is_last ? INT64_MAX : reading->to + 1;
    tail_read(queue->tail, reading->from);
    reading->is_on = !is_last;
    if (is_last) LOG(LOG_INFO, "remote write has caught up", "remote_name", queue->name);
}

/* rows that are not sent; the others stay in order */
static void drop_rows(struct queue *queue, struct columns *columns) {
    int64_t now = clock_wall_ms();
    size_t kept = 0;
    if (!send_has_histograms(queue->remote))
        counter_add(queue->metrics.dropped_histograms, (double)columns_drop_histograms(columns));
    while (kept < columns->count && queue_is_old(queue, columns->times_ms[kept], now)) kept++;
    counter_add(queue->metrics.dropped_old, (double)kept);
    queue->reading.row = kept;
}

static int read_series(struct queue *queue, struct err *err) {
    struct reading *reading = &queue->reading;
    struct labels labels;
    struct hash128 identity;
    columns_reset(&reading->columns);
    arena_release(&reading->arena);
    int rc = series_set_labels(reading->set, reading->index, &reading->arena, &labels, err);
    if (!rc) rc = series_set_identity(reading->set, reading->index, &identity, err);
    if (!rc) rc = queue_labels(queue, labels, &reading->arena, &reading->labels, &reading->is_kept, err);
    if (!rc && reading->is_kept)
        rc =
            series_set_read(reading->set, reading->index, reading->from, reading->to, &reading->columns, err);
    if (rc) return rc;
    reading->shard = &queue->shards[identity.low % queue->shard_count];
    reading->rows += reading->columns.count;
    reading->has_series = true;
    counter_add(queue->metrics.in_samples, (double)reading->columns.count);
    drop_rows(queue, &reading->columns);
    return 0;
}

/* false: no room */
static bool send_series(struct queue *queue) {
    struct reading *reading = &queue->reading;
    while (reading->is_kept && reading->row < reading->columns.count) {
        if (!shard_has_room(reading->shard)) return false;
        shard_add(reading->shard, reading->labels, &reading->columns, (struct send_exemplars){0},
                  &reading->row, 0, reading->is_first);
    }
    reading->has_series = false;
    reading->index++;
    return true;
}

/* what cannot be read is told, and left out */
static void say_unread(const struct queue *queue, const struct err *err) {
    LOG(LOG_ERROR, "remote write cannot read a series", "remote_name", queue->name, "err", err->text);
}

bool reading_step(struct queue *queue) {
    struct reading *reading = &queue->reading;
    struct err err;
    if (!reading->moment && open_window(queue, &err)) {
        say_unread(queue, &err);
        close_window(reading);
        reading->done.count--;
        loop_timer_set(queue->deadline, 1000);
        return false;
    }
    while (reading->index < reading->set->count) {
        if (!reading->has_series && read_series(queue, &err)) {
            say_unread(queue, &err);
            reading->index++;
            continue;
        }
        if (!send_series(queue)) return false;
    }
    queue_send_all(queue);
    if (!queue_is_idle(queue)) return false;
    next_window(queue);
    return true;
}

bool reading_has(const struct queue *queue, int64_t time_ms, uint64_t commit) {
    const struct reading *reading = &queue->reading;
    for (size_t i = 0; i < reading->done.count; i++) {
        const struct read_window *window = &reading->done.items[i];
        if (time_ms >= window->from && time_ms <= window->to) return commit <= window->commit;
    }
    return false;
}
