#pragma once
/*
 * segment.h - a file of the log: its name, and the header at its start, which is there twice.
 *
 *     0 [header] . . . 2048 [header again] . . . 4096 [records ...
 *
 * Inward. Layout and rules: storage/FORMAT.md, "Segment".
 */
#include "lib/base/err.h"
#include "lib/base/vec.h"
#include "lib/sys/file.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SEGMENT_RECORDS ((size_t)4096) /* where records begin */

struct segment_header {
    uint64_t id, first_sequence, number;
};

enum segment_state { SEGMENT_GOOD, SEGMENT_NEVER_BEGUN, SEGMENT_DAMAGED };

uint32_t segment_seed(uint64_t id);
void segment_header_write(const struct segment_header *header, uint8_t block[SEGMENT_RECORDS]);
/* header is set when the state is good; copies_bad counts bad ones. ERR_UNSUPPORTED: another version. */
int segment_header_read(const uint8_t block[SEGMENT_RECORDS], enum segment_state *state,
                        struct segment_header *header, int *copies_bad, struct err *err);

#define SEGMENT_PATH_MAX 4096
/* ERR_LIMIT: the folder's name is too long */
int segment_path(const char *folder, uint64_t number, char path[SEGMENT_PATH_MAX], struct err *err);

struct segment_numbers {
    VEC(uint64_t) list;
};
/* ascending; a folder that is not there has none */
int segment_list(struct file_system *fs, const char *folder, struct segment_numbers *numbers,
                 struct err *err);
