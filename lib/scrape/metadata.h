#pragma once
/*
 * metadata.h - inside of lib/scrape: what targets say of their metrics, once for all that say the same.
 *
 *     target A --+
 *     target B --+--> [entries | texts]  2 references          a hundred targets of one kind
 *     target C -----> [entries | texts]  1                     need the memory of one
 *
 * Immutable, in one piece. Threads: any; what is shared is found in a table of the process.
 */
#include "lib/base/span.h"

#include <stddef.h>
#include <stdint.h>

struct metadata_entry {
    struct span metric, type, help, unit;
};

struct metadata {
    uint64_t hash;
    uint32_t index; /* in the table */
    size_t refs;    /* under its lock */
    size_t count, text_bytes;
    struct metadata_entry entries[];
};

/* what says the same as these entries, copied when nobody has said it yet; a reference for the caller */
struct metadata *metadata_share(const struct metadata_entry *entries, size_t count);
void metadata_unref(struct metadata *metadata); /* NULL is fine */
