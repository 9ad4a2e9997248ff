/*
 * verify.c - reads all of a block, as a query would, and tells what cannot be trusted.
 */
#include "storage/block/inside.h"

struct verifying {
    struct block *block;
    void (*finding)(void *context, const char *text);
    void *context;
    uint64_t series, samples, found;
};

static void tell(struct verifying *v, const char *text) {
    v->found++;
    v->finding(v->context, text);
}

static int verify_series(struct verifying *v, uint32_t number, struct err *err) {
    struct arena arena;
    struct labels labels;
    struct columns columns;
    struct err own;
    arena_init(&arena, SIZE_MAX, NULL);
    columns_init(&columns, NULL);
    int rc = block_labels(v->block, number, &arena, &labels, &own);
    if (!rc) rc = block_read(v->block, number, NULL, INT64_MIN, INT64_MAX, &columns, &own);
    for (size_t i = 1; !rc && i < columns.count; i++)
        if (columns.times_ms[i] <= columns.times_ms[i - 1])
            rc = err_set(&own, ERR_CORRUPT, "times of series %u are not in order", number);
    v->series++;
    v->samples += columns.count;
    columns_release(&columns);
    arena_release(&arena);
    if (rc == ERR_CORRUPT) tell(v, own.text);
    return rc && rc != ERR_CORRUPT ? err_set(err, rc, "%s", own.text) : 0;
}

static int verify_list(void *context, uint32_t value, uint64_t count, struct cursor list, struct err *err) {
    const struct verifying *v = context;
    uint64_t number = 0;
    (void)value;
    for (uint64_t i = 0; i < count; i++) {
        number += cursor_varint(&list);
        if (list.failed || number >= v->block->index.series)
            return err_set(err, ERR_CORRUPT, "postings make no sense");
    }
    return 0;
}

int block_verify(struct block *block, void (*finding)(void *context, const char *text), void *context,
                 struct err *err) {
    struct verifying v = {.block = block, .finding = finding, .context = context};
    struct err own;
    int rc = index_load(&block->index, &own);
    if (rc == ERR_CORRUPT) {
        tell(&v, own.text);
        return 0;
    }
    if (rc) return err_set(err, rc, "%s", own.text);
    for (uint32_t i = 0; i < block->index.name_count; i++) {
        rc = index_values(&block->index, &block->index.names[i], 0, UINT32_MAX - 1, verify_list, &v, &own);
        if (rc == ERR_CORRUPT) tell(&v, own.text);
        if (rc && rc != ERR_CORRUPT) return err_set(err, rc, "%s", own.text);
    }
    for (uint32_t i = 0; i < block->index.series; i++) {
        rc = verify_series(&v, i, err);
        if (rc) return rc;
    }
    if (!v.found && (v.series != block->meta.series || v.samples != block->meta.samples))
        tell(&v, "the numbers of series and samples are not those of the meta file");
    return 0;
}
