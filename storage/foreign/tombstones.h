#pragma once
/*
 * tombstones.h - what was deleted of a block.
 *
 *     magic 0130BA30 | version u8 | series LEB128, mint, maxt zigzag ... | CRC-32C of the entries
 */
#include "lib/base/err.h"
#include "lib/base/span.h"
#include "lib/base/vec.h"
#include "lib/sys/file.h"

#include <stdint.h>

struct foreign_deletion {
    uint64_t series;
    int64_t mint, maxt; /* both inclusive */
};
struct foreign_deletions {
    VEC(struct foreign_deletion) list; /* sorted by series */
};

int foreign_tombstones_parse(struct span bytes, struct foreign_deletions *deletions, struct err *err);
/* a missing file deletes nothing */
int foreign_tombstones_read(struct file_system *fs, const char *path, struct foreign_deletions *deletions,
                            struct err *err);
void foreign_deletions_sort(struct foreign_deletions *deletions);
/* the deletions of that series: first one and how many */
const struct foreign_deletion *foreign_deletions_of(const struct foreign_deletions *deletions,
                                                    uint64_t series, size_t *count);
