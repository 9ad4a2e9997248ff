#pragma once
/*
 * frames.h - a long file written and read in checked pieces.
 *
 *     | length | crc | bytes ... |  | length | crc | bytes ... |  ...  | 0 | crc |       pieces of up to 1
 * MiB
 *
 * Checksums are CRC-32C, each continued from the one before, so a piece that is missing, doubled or of
 * another file never passes; the empty piece at the end tells a whole file. Layout: storage/FORMAT.md,
 * "Snapshot". One thread.
 */
#include "lib/base/buf.h"
#include "lib/base/err.h"
#include "lib/sys/file.h"

#include <stdint.h>

struct frames_out {
    struct file *file;
    uint64_t offset;
    uint32_t crc;
    struct buf piece;
    int rc; /* of the first write that failed; later ones do nothing */
    struct err err;
};

/* the file is the caller's */
void frames_out_init(struct frames_out *out, struct file *file);
void frames_out_release(struct frames_out *out);
void frames_write(struct frames_out *out, const void *data, size_t len);
void frames_write_u32(struct frames_out *out, uint32_t value);
void frames_write_u64(struct frames_out *out, uint64_t value);
/* writes what is left and the end: 0, or why something was not written */
int frames_out_end(struct frames_out *out, struct err *err);

struct frames_in {
    struct file *file;
    uint64_t offset, size;
    uint32_t crc;
    struct buf piece;
    size_t at; /* read so far of the piece */
    int rc;    /* of the first read that failed; later ones answer zeros */
    struct err err;
};

int frames_in_init(struct frames_in *in, struct file *file, struct err *err);
void frames_in_release(struct frames_in *in);
/* false: damaged, or the file has less; data is then zeros */
bool frames_read(struct frames_in *in, void *data, size_t len);
uint32_t frames_read_u32(struct frames_in *in);
uint64_t frames_read_u64(struct frames_in *in);
/* bytes of the file not looked at yet: a length read from it cannot be more */
uint64_t frames_left(const struct frames_in *in);
/* marks the contents as making no sense; returns ERR_CORRUPT */
int frames_bad(struct frames_in *in, const char *what);
/* everything was read, and the end is there: 0, ERR_CORRUPT or ERR_IO */
int frames_in_end(struct frames_in *in, struct err *err);
