#include "storage/foreign/source.h"

#include "lib/codec/number.h"

#include <stdlib.h>

#define WINDOW ((size_t)256 << 10)

int source_open(struct file_system *fs, const char *path, struct source *source, struct err *err) {
    struct source opened = {0};
    int rc = file_open(fs, path, FILE_READ, &opened.file, err);
    if (rc) return rc;
    rc = file_size(&opened.file, &opened.size, err);
    if (rc) {
        file_close(&opened.file);
        return rc;
    }
    buf_init(&opened.window, SOURCE_MAX_PIECE);
    *source = opened;
    return 0;
}

void source_close(struct source *source) {
    if (!file_is_open(&source->file)) return;
    file_close(&source->file);
    buf_release(&source->window);
}

static int move_window(struct source *source, uint64_t offset, size_t len, struct err *err) {
    size_t wanted = len > WINDOW ? len : WINDOW, got;
    buf_reset(&source->window);
    source->at = offset;
    if (!buf_reserve(&source->window, wanted))
        return err_set(err, ERR_LIMIT, "\"%s\": a piece of %zu bytes is too large", source->file.path, len);
    int rc = file_read_some(&source->file, source->window.data, wanted, offset, &got, err);
    if (!rc) source->window.len = got;
    return rc;
}

int source_some(struct source *source, uint64_t offset, size_t len, const uint8_t **bytes, size_t *got,
                struct err *err) {
    if (offset < source->at || offset - source->at > source->window.len ||
        source->window.len - (offset - source->at) < len) {
        int rc = move_window(source, offset, len, err);
        if (rc) return rc;
    }
    size_t skip = (size_t)(offset - source->at), there = source->window.len - skip;
    *bytes = (const uint8_t *)source->window.data + skip;
    *got = there < len ? there : len;
    return 0;
}

int source_bytes(struct source *source, uint64_t offset, size_t len, const uint8_t **bytes, struct err *err) {
    size_t got;
    int rc = source_some(source, offset, len, bytes, &got, err);
    if (rc || got == len) return rc;
    return err_set(err, ERR_CORRUPT, "\"%s\" ends at %llu, %zu bytes wanted at %llu", source->file.path,
                   (unsigned long long)source->size, len, (unsigned long long)offset);
}

struct listing {
    struct span prefix;
    size_t digits;
    struct source_numbers *numbers;
};

static void list_each(const char *name, void *context) {
    struct listing *listing = context;
    struct span text = span_from(name);
    if (!span_starts_with(text, listing->prefix)) return;
    text = span_of(text.ptr + listing->prefix.len, text.len - listing->prefix.len);
    uint64_t number;
    if (text.len < listing->digits || text.ptr[0] < '0' || text.ptr[0] > '9' ||
        !number_parse_uint(text, &number))
        return;
    *vec_push(&listing->numbers->list) = number;
}

static int compare_numbers(const void *a, const void *b) {
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

int source_list(struct file_system *fs, const char *folder, const char *prefix, size_t digits,
                struct source_numbers *numbers, struct err *err) {
    struct listing listing = {span_from(prefix), digits, numbers};
    struct err why = {0};
    int rc = folder_list(fs, folder, list_each, &listing, &why);
    if (rc == ERR_NOT_FOUND) return 0;
    if (rc) return err_set(err, rc, "%s", why.text);
    if (numbers->list.count)
        qsort(numbers->list.items, numbers->list.count, sizeof *numbers->list.items, compare_numbers);
    return 0;
}
