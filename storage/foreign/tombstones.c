#include "storage/foreign/tombstones.h"

#include "lib/codec/crc32c.h"
#include "lib/codec/varint.h"
#include "storage/foreign/source.h"

#include <stdlib.h>

#define MAGIC 0x0130BA30u
#define MAX_FILE ((size_t)1 << 30)

static int compare(const void *a, const void *b) {
    const struct foreign_deletion *x = a, *y = b;
    if (x->series != y->series) return x->series < y->series ? -1 : 1;
    return (x->mint > y->mint) - (x->mint < y->mint);
}

void foreign_deletions_sort(struct foreign_deletions *deletions) {
    if (deletions->list.count)
        qsort(deletions->list.items, deletions->list.count, sizeof *deletions->list.items, compare);
}

int foreign_tombstones_parse(struct span bytes, struct foreign_deletions *deletions, struct err *err) {
    const char *p = bytes.ptr;
    if (bytes.len < 9 || load_be32(p) != MAGIC)
        return err_set(err, ERR_CORRUPT, "not the magic of tombstones");
    if (crc32c(0, p + 5, bytes.len - 9) != load_be32(p + bytes.len - 4))
        return err_set(err, ERR_CORRUPT, "tombstones do not pass their checksum");
    if (p[4] != 1) return err_set(err, ERR_UNSUPPORTED, "tombstones of version %d", p[4]);
    struct cursor cursor = cursor_of(p + 5, bytes.len - 9);
    while (cursor_left(&cursor)) {
        struct foreign_deletion deletion = {.series = cursor_varint(&cursor)};
        deletion.mint = cursor_zigzag(&cursor);
        deletion.maxt = cursor_zigzag(&cursor);
        if (cursor.failed) return err_set(err, ERR_CORRUPT, "tombstones end early");
        *vec_push(&deletions->list) = deletion;
    }
    foreign_deletions_sort(deletions);
    return 0;
}

int foreign_tombstones_read(struct file_system *fs, const char *path, struct foreign_deletions *deletions,
                            struct err *err) {
    struct buf bytes;
    struct err why = {0};
    buf_init(&bytes, MAX_FILE);
    int rc = file_read_all(fs, path, &bytes, &why);
    if (!rc) rc = foreign_tombstones_parse(buf_view(&bytes), deletions, &why);
    buf_release(&bytes);
    if (rc == ERR_NOT_FOUND) return 0;
    return rc ? err_set(err, rc, "\"%s\": %s", path, why.text) : 0;
}

const struct foreign_deletion *foreign_deletions_of(const struct foreign_deletions *deletions,
                                                    uint64_t series, size_t *count) {
    size_t low = 0, high = deletions->list.count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (deletions->list.items[middle].series < series)
            low = middle + 1;
        else
            high = middle;
    }
    size_t end = low;
    while (end < deletions->list.count && deletions->list.items[end].series == series) end++;
    *count = end - low;
    return *count ? &deletions->list.items[low] : NULL;
}
