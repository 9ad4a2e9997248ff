#pragma once
/*
 * layout.h - inside of storage/block: names, magics and sizes that writing and reading share.
 *
 *     data    | header | group | group | ...
 *     index   | header | page | page | ... | table (a page too) | footer: where the table is |
 *     meta    | what block_meta tells, checked |
 */
#include "lib/base/err.h"
#include "lib/sys/file.h"
#include "storage/block/block.h"

#define BLOCK_VERSION 1u
#define FILE_HEADER ((size_t)16)  /* magic 8, version 4, CRC-32C of these 12 */
#define FOOTER_BYTES ((size_t)16) /* offset of the table 8, CRC-32C of it 4, 0 */

#define DATA_MAGIC 0x31415441444c4246u       /* "FBLDATA1" */
#define INDEX_MAGIC 0x315845444e494246u      /* "FBINDEX1" */
#define META_MAGIC 0x314154454d4c4246u       /* "FBLMETA1" */
#define TOMBSTONES_MAGIC 0x31534e4f54424246u /* "FBBTONS1" */

#define SYMBOLS_A_PAGE 256u
#define SERIES_A_PAGE 64u
#define VALUES_PAGE_BYTES ((size_t)64 << 10)

#define BLOCK_PATH_MAX 4096

/* A page of the data, as a series knows it. */
struct page_ref {
    uint64_t group; /* offset */
    uint64_t times; /* offset of the group of times; 0: regular from mint to maxt */
    int64_t mint, maxt;
    uint32_t page, count;
    bool is_histogram;
};

/* <folder>/<ulid>.<kind> */
int block_path(const char *folder, struct ulid ulid, const char *kind, char path[BLOCK_PATH_MAX],
               struct err *err);
/* the files of a block, meta first; what cannot be removed is logged */
void block_remove_files(struct file_system *fs, const char *folder, struct ulid ulid);
void file_header_write(uint64_t magic, uint8_t header[FILE_HEADER]);
/* ERR_CORRUPT, or ERR_UNSUPPORTED for a version we do not know */
int file_header_check(const struct file *file, uint64_t magic, struct err *err);

/* the whole meta file; meta_read sets everything but bytes */
int meta_write(struct file_system *fs, const char *folder, const struct block_meta *meta, struct err *err);
int meta_read(struct file_system *fs, const char *folder, struct ulid ulid, struct block_meta *meta,
              struct err *err);
