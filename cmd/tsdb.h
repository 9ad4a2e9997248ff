#pragma once
/*
 * tsdb.h - inside of cmd: the parts of `server tsdb`. Each takes the arguments behind its own name as
 * argv[1..].
 */
#include "lib/base/err.h"
#include "storage/block/block.h"

int tsdb_usage(void);
int tsdb_list(int argc, char **argv);
int tsdb_analyze(int argc, char **argv);
int tsdb_dump(int argc, char **argv);
int tsdb_verify(int argc, char **argv);
int tsdb_bench(int argc, char **argv);

/* each block of DIR/blocks, opened, oldest first; stops at the first that does not answer 0 */
typedef int tsdb_block(struct block *block, void *context, struct err *err);
int tsdb_each_block(const char *dir, tsdb_block *each, void *context, struct err *err);
