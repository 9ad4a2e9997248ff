#pragma once
/*
 * tsdb.h - inside of cmd: the parts of `server tsdb`. Each takes the arguments behind its own name as
 * argv[1..].
 */
#include "lib/base/buf.h"
#include "lib/base/err.h"
#include "lib/sys/file.h"
#include "storage/block/block.h"
#include "storage/foreign/gather.h"

int tsdb_usage(void);
int tsdb_list(int argc, char **argv);
int tsdb_analyze(int argc, char **argv);
int tsdb_dump(int argc, char **argv);
int tsdb_verify(int argc, char **argv);
int tsdb_bench(int argc, char **argv);

/* a data folder that blocks are made in, locked as a server locks it: a running one would take the unfinished
 * files for leftovers */
struct tsdb_output {
    struct foreign_target target;
    struct buf folder; /* of the blocks */
    struct file lock;
};
int tsdb_output_open(struct tsdb_output *output, const char *out, struct err *err);
void tsdb_output_close(struct tsdb_output *output); /* also of one that did not open */
/* where blocks of DIR go, for a caller who has the lock */
void tsdb_output_init(struct tsdb_output *output, const char *dir);
/* what was made, or why not; the exit status */
int tsdb_show_result(const struct foreign_counts *counts, int rc, const struct err *err);

/* each block of DIR/blocks, opened, oldest first; stops at the first that does not answer 0 */
typedef int tsdb_block(struct block *block, void *context, struct err *err);
int tsdb_each_block(const char *dir, tsdb_block *each, void *context, struct err *err);
