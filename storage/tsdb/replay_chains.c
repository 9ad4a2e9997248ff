#include "storage/tsdb/replay_chains.h"

#include "lib/base/mem.h"
#include "lib/base/vec.h"

#include <string.h>

/* a record that begins a chain, and what the last one of the chain left of its rows */
struct key {
    uint64_t sequence;
    struct changes_row *state; /* owned; NULL: a later one has replaced it, or its chain is broken */
    uint64_t first;            /* number of the first row; the others follow, as series made together do, */
    uint64_t *numbers;         /* unless they are here; owned */
    uint64_t place;            /* of the last one */
    size_t rows;
};

struct replay_chains {
    struct replay_rows *rows;
    uint64_t after;
    int64_t earliest;
    VEC(struct key) keys; /* ascending */
};

struct replay_chains *replay_chains_create(struct replay_rows *rows, uint64_t after) {
    struct replay_chains *chains = mem_zalloc(sizeof *chains);
    *chains = (struct replay_chains){.rows = rows, .after = after, .earliest = INT64_MAX};
    return chains;
}

int64_t replay_chains_earliest(const struct replay_chains *chains) {
    return chains->earliest;
}

static void put_rows(struct replay_chains *chains, uint64_t sequence, const struct samples_rows *rows,
                     int64_t late_from) {
    int64_t earliest = chains->earliest;
    for (size_t i = 0; sequence > chains->after && i < rows->count; i++)
        if (rows->times_ms[i] < earliest) earliest = rows->times_ms[i];
    chains->earliest = earliest;
    replay_rows_put(chains->rows, late_from);
}

static void forget_key(struct key *key) {
    if (!key) return;
    mem_free(key->numbers);
    mem_free(key->state);
    key->numbers = NULL;
    key->state = NULL;
}

void replay_chains_destroy(struct replay_chains *chains) {
    for (size_t i = 0; i < chains->keys.count; i++) forget_key(&chains->keys.items[i]);
    vec_release(&chains->keys);
    mem_free(chains);
}

static struct key *find_key(struct replay_chains *chains, uint64_t sequence) {
    size_t low = 0, high = chains->keys.count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (chains->keys.items[middle].sequence < sequence)
            low = middle + 1;
        else
            high = middle;
    }
    bool is_there = low < chains->keys.count && chains->keys.items[low].sequence == sequence;
    return is_there && chains->keys.items[low].state ? &chains->keys.items[low] : NULL;
}

static void drop_forgotten(struct replay_chains *chains) {
    size_t kept = 0;
    for (size_t i = 0; i < chains->keys.count; i++)
        if (chains->keys.items[i].state) chains->keys.items[kept++] = chains->keys.items[i];
    chains->keys.count = kept;
}

/* NULL: not one that can be leaned on */
static struct key *add_key(struct replay_chains *chains, const struct samples_reader *reader,
                           uint64_t sequence) {
    if (reader->replaces && reader->replaces < sequence)
        forget_key(find_key(chains, sequence - reader->replaces));
    if (chains->keys.count && chains->keys.items[chains->keys.count - 1].sequence >= sequence) return NULL;
    if (chains->keys.count == chains->keys.capacity) drop_forgotten(chains);
    size_t rows = (size_t)reader->rows;
    struct key *key = vec_push(&chains->keys);
    *key = (struct key){.sequence = sequence, .state = mem_array(rows, sizeof *key->state), .rows = rows};
    return key;
}

static void fill_numbers(const struct key *key, size_t from, size_t count, uint64_t *numbers) {
    if (key->numbers)
        memcpy(numbers, key->numbers + from, count * sizeof *numbers);
    else
        for (size_t i = 0; i < count; i++) numbers[i] = key->first + from + i;
}

static bool are_following(const struct key *key, size_t from, const struct samples_rows *rows) {
    for (size_t i = 0; i < rows->count; i++)
        if (rows->numbers[i] != key->first + from + i) return false;
    return true;
}

static void fill_key(struct key *key, size_t from, const struct samples_rows *rows) {
    if (from == 0 && rows->count) key->first = rows->numbers[0];
    if (!key->numbers && !are_following(key, from, rows)) {
        uint64_t *numbers = mem_array(key->rows, sizeof *numbers);
        fill_numbers(key, 0, from, numbers);
        key->numbers = numbers;
    }
    if (key->numbers) memcpy(key->numbers + from, rows->numbers, rows->count * sizeof *rows->numbers);
    for (size_t i = 0; i < rows->count; i++) changes_row_begin(&key->state[from + i], rows->values[i]);
}

int replay_chains_samples(struct replay_chains *chains, uint64_t sequence, const void *payload, size_t len,
                          struct err *err) {
    struct samples_reader reader;
    struct samples_rows *rows;
    int rc = samples_reader_init(&reader, payload, len, err);
    if (rc) return rc;
    struct key *key = reader.is_key ? add_key(chains, &reader, sequence) : NULL;
    for (size_t done = 0;; done += rows->count) {
        rows = replay_rows_room(chains->rows);
        rc = samples_reader_next(&reader, rows, err);
        if (rc <= 0) break;
        if (key) fill_key(key, done, rows);
        put_rows(chains, sequence, rows, reader.late_from);
        if (rows->has_histograms) replay_rows_wait(chains->rows); /* they are the reader's */
    }
    if (rc) forget_key(key);
    samples_reader_release(&reader);
    return rc;
}

static int put_changes(struct replay_chains *chains, uint64_t sequence, struct changes_reader *reader,
                       struct key *key, struct err *err) {
    struct samples_rows *rows;
    for (size_t done = 0; done < key->rows; done += rows->count) {
        rows = replay_rows_room(chains->rows);
        int count = changes_reader_next(reader, key->state, rows->values, err);
        if (count < 0) return count;
        rows->count = (size_t)count;
        rows->has_histograms = false;
        fill_numbers(key, done, rows->count, rows->numbers);
        for (size_t i = 0; i < rows->count; i++) rows->times_ms[i] = reader->time_ms;
        put_rows(chains, sequence, rows, reader->late_from);
    }
    return 0;
}

int replay_chains_changes(struct replay_chains *chains, uint64_t sequence, const void *payload, size_t len,
                          struct err *err) {
    struct changes_reader reader;
    int rc = changes_reader_init(&reader, payload, len, err);
    if (rc) return rc;
    struct key *key =
        reader.key_distance < sequence ? find_key(chains, sequence - reader.key_distance) : NULL;
    if (!key || reader.place != key->place + 1)
        return err_set(err, ERR_CORRUPT, "the record it is coded against is lost");
    rc = key->rows == reader.rows ? put_changes(chains, sequence, &reader, key, err)
                                  : err_set(err, ERR_CORRUPT, "changes record: its key has other rows");
    key->place++;
    if (rc) forget_key(key);
    return rc;
}
