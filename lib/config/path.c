#include "lib/config/table.h"

#include <stdio.h>

/*
 * Where an error is, in the file and in the tree, and what may have been meant.
 */

#define MAX_WORD 64 /* longer words get no suggestion */

static size_t path_append(struct loader *l, const char *text, size_t length) {
    size_t before = l->path_len, room = sizeof l->path - 1 - l->path_len;
    if (length > room) length = room;
    if (length) memcpy(l->path + l->path_len, text, length);
    l->path_len += length;
    l->path[l->path_len] = 0;
    return before;
}

size_t loader_enter(struct loader *l, struct span key) {
    size_t before = l->path_len;
    if (before) path_append(l, ".", 1);
    path_append(l, key.ptr, key.len);
    return before;
}

size_t loader_enter_index(struct loader *l, size_t index) {
    char text[32];
    int length = snprintf(text, sizeof text, "[%zu]", index);
    return path_append(l, text, (size_t)length);
}

void loader_leave(struct loader *l, size_t length) {
    l->path_len = length;
    l->path[length] = 0;
}

static struct config_error *error_add(struct loader *l, struct ymark mark) {
    if (l->errors->count == CONFIG_MAX_ERRORS) {
        l->errors->more++;
        return NULL;
    }
    struct config_error *error = &l->errors->items[l->errors->count++];
    *error = (struct config_error){.line = mark.line, .column = mark.column};
    snprintf(error->file, sizeof error->file, "%s", l->file_name);
    snprintf(error->path, sizeof error->path, "%.*s", (int)sizeof error->path - 1, l->path);
    return error;
}

static void error_format(struct loader *l, struct ymark mark, const char *format, va_list args) {
    struct config_error *error = error_add(l, mark);
    if (error) vsnprintf(error->message, sizeof error->message, format, args);
}

void loader_error(struct loader *l, struct ymark mark, const char *format, ...) {
    va_list args;
    va_start(args, format);
    error_format(l, mark, format, args);
    va_end(args);
}

void loader_error_at(struct loader *l, const struct ynode *map, const char *key, const char *format, ...) {
    const struct yentry *entry = ynode_entry(map, span_from(key));
    struct ymark mark = entry ? entry->key->mark : map ? map->mark : (struct ymark){0, 0};
    size_t before = l->path_len;
    if (entry) loader_enter(l, span_from(key));
    va_list args;
    va_start(args, format);
    error_format(l, mark, format, args);
    va_end(args);
    loader_leave(l, before);
}

static size_t min3(size_t a, size_t b, size_t c) {
    size_t least = a < b ? a : b;
    return least < c ? least : c;
}

/* Edits (insert, delete, change, swap of neighbours) between two short words. */
static size_t distance(struct span a, struct span b) {
    size_t rows[3][MAX_WORD + 1];
    for (size_t j = 0; j <= b.len; j++) rows[0][j] = j;
    for (size_t i = 1; i <= a.len; i++) {
        size_t *now = rows[i % 3], *last = rows[(i + 2) % 3], *older = rows[(i + 1) % 3];
        now[0] = i;
        for (size_t j = 1; j <= b.len; j++) {
            size_t change = last[j - 1] + (a.ptr[i - 1] != b.ptr[j - 1]);
            now[j] = min3(last[j] + 1, now[j - 1] + 1, change);
            bool is_swap = i > 1 && j > 1 && a.ptr[i - 1] == b.ptr[j - 2] && a.ptr[i - 2] == b.ptr[j - 1];
            if (is_swap && older[j - 2] + 1 < now[j]) now[j] = older[j - 2] + 1;
        }
    }
    return rows[a.len % 3][b.len];
}

const char *text_nearest(struct span word, const char *const *candidates, size_t count) {
    if (word.len == 0 || word.len > MAX_WORD) return NULL;
    const char *best = NULL;
    size_t best_distance = word.len / 3 + 2; /* farther is no likeness */
    for (size_t i = 0; i < count; i++) {
        struct span candidate = span_from(candidates[i]);
        if (candidate.len > MAX_WORD) continue;
        size_t edits = distance(word, candidate);
        if (edits >= best_distance || edits >= candidate.len) continue;
        best = candidates[i];
        best_distance = edits;
    }
    return best;
}

void loader_error_unknown(struct loader *l, struct ymark mark, const char *what, struct span word,
                          const char *const *candidates, size_t count) {
    struct config_error *error = error_add(l, mark);
    if (!error) return;
    int length = (int)(word.len > 80 ? 80 : word.len);
    snprintf(error->message, sizeof error->message, "%s \"%.*s\"", what, length, word.ptr);
    const char *best = text_nearest(word, candidates, count);
    if (best) snprintf(error->suggestion, sizeof error->suggestion, "%s", best);
}

void *loader_alloc(struct loader *l, size_t count, size_t size) {
    void *block = arena_array(l->arena, count ? count : 1, size);
    if (block || l->is_out_of_memory) return block;
    l->is_out_of_memory = true;
    loader_error(l, (struct ymark){0, 0}, "the configuration needs more memory than its limit of %zu bytes",
                 l->arena->max_bytes);
    return NULL;
}

const char *loader_copy(struct loader *l, struct span text) {
    char *copy = loader_alloc(l, text.len + 1, 1);
    if (copy && text.len) memcpy(copy, text.ptr, text.len);
    return copy;
}

void config_error_write(const struct config_error *error, struct buf *out) {
    buf_puts(out, error->file);
    if (error->line) buf_printf(out, ":%u:%u", error->line, error->column);
    if (error->path[0]) buf_printf(out, ": %s", error->path);
    buf_printf(out, ": %s", error->message);
    if (error->suggestion[0]) buf_printf(out, " (did you mean \"%s\"?)", error->suggestion);
}
