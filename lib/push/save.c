/*
 * save.c - the groups over a restart, in a file that is written anew as a whole (storage/FORMAT.md).
 *
 *     ferula push 1
 *     group job@base64/YQ 1796077260366 0 0 1796077260366       path, pushed, failed, ttl, created (ms)
 *     family 1796077260366 57                                   time, bytes of the text that follows
 *     # TYPE x gauge
 *     x{instance="",job="a"} 1
 *     end 1c291ca3                                              CRC-32C of all before, hexadecimal
 */
#include "lib/codec/crc32c.h"
#include "lib/codec/number.h"
#include "lib/push/inside.h"
#include "lib/push/path.h"
#include "lib/sys/file.h"

#include <stdio.h>

#define HEAD "ferula push 1\n"
#define FILE_MAX_BYTES ((size_t)1 << 30)
#define END_LENGTH (sizeof "end 00000000\n" - 1)
#define PATH_ARENA_MAX ((size_t)16 << 20)

static void write_family(const struct push_family *family, struct buf *out) {
    struct buf text;
    buf_init(&text, FILE_MAX_BYTES);
    push_family_write_head(family, &text);
    push_family_write(family, false, &text);
    buf_printf(out, "family %lld %zu\n", (long long)family->time_ms, text.len);
    buf_span(out, buf_view(&text));
    out->failed |= text.failed;
    buf_release(&text);
}

static void write_group(const struct push_group *group, struct buf *out) {
    buf_puts(out, "group ");
    push_path_write(group->labels, out);
    buf_printf(out, " %lld %lld %lld %lld\n", (long long)group->pushed_ms, (long long)group->failed_ms,
               (long long)group->ttl_ms, (long long)group->created_ms);
    for (size_t i = 0; i < group->families.count; i++) write_family(group->families.items[i], out);
}

int push_store_save(struct push_store *store, struct file_system *fs, const char *path, struct err *err) {
    struct buf out;
    buf_init(&out, FILE_MAX_BYTES);
    mutex_lock(&store->lock);
    uint64_t changes = store->changes;
    bool is_saved = changes == store->saved_changes;
    buf_puts(&out, HEAD);
    for (size_t i = 0; i < store->groups.count && !is_saved; i++) write_group(store->groups.items[i], &out);
    mutex_unlock(&store->lock);
    buf_printf(&out, "end %08x\n", crc32c(0, out.data, out.len));
    int rc = 0;
    if (!is_saved && out.failed) rc = err_set(err, ERR_LIMIT, "pushed metrics are too many for \"%s\"", path);
    if (!is_saved && !rc) rc = file_write_atomic(fs, path, out.data, out.len, err);
    if (!rc) {
        mutex_lock(&store->lock);
        store->saved_changes = changes;
        mutex_unlock(&store->lock);
    }
    buf_release(&out);
    return rc;
}

/* ---- reading ---- */

static struct span take(struct span *rest, char separator) {
    size_t end = span_find_byte(*rest, separator, 0), used = end < rest->len ? end + 1 : end;
    struct span part = span_of(rest->ptr, end);
    *rest = span_of(rest->ptr + used, rest->len - used);
    return part;
}

static bool take_number(struct span *line, int64_t *number) {
    return number_parse_int(take(line, ' '), number) && *number >= 0;
}

static int load_group(struct push_store *store, struct span line, struct push_group **group,
                      struct err *err) {
    struct arena arena;
    struct labels labels;
    int64_t times[4];
    struct span path = take(&line, ' ');
    for (size_t i = 0; i < 4; i++)
        if (!take_number(&line, &times[i])) return err_set(err, ERR_CORRUPT, "the times of a group");
    arena_init(&arena, PATH_ARENA_MAX, NULL);
    int rc = push_path_read(path, &arena, &labels, err);
    if (!rc) rc = push_store_make(store, labels, times[3], group, err);
    arena_release(&arena);
    if (rc) return rc;
    (*group)->pushed_ms = times[0];
    (*group)->failed_ms = times[1];
    (*group)->ttl_ms = times[2];
    return 0;
}

static int load_family(struct push_store *store, struct push_group *group, struct span line,
                       struct span *rest, struct err *err) {
    int64_t time_ms, bytes;
    struct push_families families;
    if (!group || !take_number(&line, &time_ms) || !take_number(&line, &bytes) || (size_t)bytes > rest->len)
        return err_set(err, ERR_CORRUPT, "a family");
    struct span text = span_of(rest->ptr, (size_t)bytes);
    *rest = span_of(rest->ptr + bytes, rest->len - (size_t)bytes);
    int rc = push_families_read(PUSH_TEXT, text, group->labels, &store->options.limits, &store->memory,
                                &families, err);
    if (rc) return rc;
    for (size_t i = 0; i < families.items.count; i++) families.items.items[i]->time_ms = time_ms;
    push_group_take(store, group, &families);
    push_families_release(&families);
    return 0;
}

static int load(struct push_store *store, struct span text, struct err *err) {
    struct push_group *group = NULL;
    int rc = 0;
    while (text.len && !rc) {
        struct span line = take(&text, '\n'), word = take(&line, ' ');
        if (span_is(word, "group"))
            rc = load_group(store, line, &group, err);
        else if (span_is(word, "family"))
            rc = load_family(store, group, line, &text, err);
        else
            rc = err_set(err, ERR_CORRUPT, "a line that is neither group nor family");
    }
    return rc;
}

/* what stands between head and end */
static int contents(struct span all, struct span *inner, struct err *err) {
    char end[END_LENGTH + 1];
    if (!span_starts_with(all, SPAN(HEAD)) || all.len < sizeof HEAD - 1 + END_LENGTH)
        return err_set(err, ERR_CORRUPT, "not a file of pushed metrics");
    size_t len = all.len - END_LENGTH;
    snprintf(end, sizeof end, "end %08x\n", crc32c(0, all.ptr, len));
    if (!span_ends_with(all, span_of(end, END_LENGTH)))
        return err_set(err, ERR_CORRUPT, "its checksum is wrong");
    *inner = span_of(all.ptr + sizeof HEAD - 1, len - (sizeof HEAD - 1));
    return 0;
}

int push_store_load(struct push_store *store, struct file_system *fs, const char *path, struct err *err) {
    struct buf text;
    struct span inner;
    buf_init(&text, FILE_MAX_BYTES);
    int rc = file_read_all(fs, path, &text, err);
    if (rc == ERR_NOT_FOUND) {
        buf_release(&text);
        return 0;
    }
    if (!rc) rc = contents(buf_view(&text), &inner, err);
    mutex_lock(&store->lock);
    if (!rc) rc = load(store, inner, err);
    if (!rc) store->saved_changes = store->changes;
    mutex_unlock(&store->lock);
    if (rc) {
        push_store_wipe(store);
        err_wrap(err, rc, "pushed metrics in \"%s\"", path);
    }
    buf_release(&text);
    return rc;
}
