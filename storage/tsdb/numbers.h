#pragma once
/*
 * numbers.h - inside of storage/tsdb: what a replay knows of series by their numbers on disk.
 *
 *     number 0x1a7 -> page 0x6 -> | ref of 0x180 | ... | ref of 0x1a7 | ... | ref of 0x1bf |
 *
 * Numbers are given one by one, so neighbours in a record are neighbours here, and the page of the one found
 * last is tried first. A damaged log costs a page for each number, no more.
 */
#include "lib/base/map.h"
#include "lib/base/vec.h"
#include "lib/model/appender.h"

#include <stdint.h>

#define NUMBERS_PAGE 64u

struct numbers_page {
    uint64_t page; /* number / NUMBERS_PAGE */
    struct series_ref refs[NUMBERS_PAGE];
};

struct numbers {
    struct map by_page;
    VEC(struct numbers_page) pages;
    uint32_t last; /* page found last */
};

void numbers_release(struct numbers *numbers);
void numbers_set(struct numbers *numbers, uint64_t number, struct series_ref ref);
/* generation 0: not known */
struct series_ref numbers_get(struct numbers *numbers, uint64_t number);
