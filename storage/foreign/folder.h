#pragma once
/*
 * folder.h - the blocks of a Prometheus data folder, by their meta.json.
 */
#include "storage/foreign/gather.h"

struct foreign_block {
    struct ulid ulid;
    int64_t mint, maxt; /* maxt exclusive */
    bool is_out_of_order;
};
struct foreign_blocks {
    VEC(struct foreign_block) list; /* by mint */
};

int foreign_blocks_list(struct file_system *fs, const char *folder, struct foreign_blocks *blocks,
                        struct err *err);
/* all its samples but the deleted, as one block of ours */
int foreign_block_import(const char *folder, const struct foreign_block *block, struct foreign_target *target,
                         struct err *err);
