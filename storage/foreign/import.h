#pragma once
/*
 * import.h - a Prometheus data folder, or an OpenMetrics text, becomes blocks of ours.
 *
 *     01GZ.../ (meta.json, index, chunks, tombstones)  -> a block each, series by series
 *     wal/checkpoint.N, wal/N+1 ..., chunks_head/      -> rows after the last block, in memory, in blocks of
 * 2 h wbl/ and the out-of-order chunks                 -> rows of any time, in blocks of 2 h
 *
 * The source is only read. A block that cannot be read ends the import with its error; what was made before
 * stays. Damage of the log or of a head chunk file is a warning: Prometheus itself drops what is behind it.
 */
#include "storage/foreign/gather.h"

struct foreign_import_options {
    const char *source;
    size_t max_bytes;                              /* of the rows of the head */
    void (*warn)(const char *text, void *context); /* may be NULL */
    void *context;
};

/* ERR_NOT_FOUND when the folder holds neither a block nor a log */
int foreign_import(const struct foreign_import_options *options, struct foreign_target *target,
                   struct err *err);
/* All samples need times, the text needs its # EOF. */
int foreign_openmetrics(struct file_system *fs, const char *path, size_t max_bytes,
                        struct foreign_target *target, struct err *err);
