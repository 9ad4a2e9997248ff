#pragma once
/*
 * metadata.h - what is known of families of metrics: type, help, unit. The newest word counts.
 *
 * Bounded in number and bytes: beyond, new families are not taken. Threads: any; one lock.
 */
#include "lib/base/arena.h"
#include "lib/base/err.h"
#include "lib/model/exemplar.h"

#include <stdbool.h>
#include <stddef.h>

struct metadata;

#define METADATA_MAX_FAMILIES ((size_t)1 << 17)
#define METADATA_MAX_TEXT ((size_t)4096) /* of one family, all in all; longer help is cut */

struct metadata *metadata_create(void);
void metadata_destroy(struct metadata *metadata);
/* false: it was known so already, or there is no room */
bool metadata_set(struct metadata *metadata, const struct metric_metadata *item);
/* is it known so? */
bool metadata_has(struct metadata *metadata, const struct metric_metadata *item);
/* all, sorted by family, in arena */
int metadata_list(struct metadata *metadata, struct arena *arena, struct metric_metadata **items,
                  size_t *count, struct err *err);
