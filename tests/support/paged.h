#pragma once
/*
 * paged.h - the bytes of a file in memory, in pages that copies share.
 *
 *     a: [p0][p1][ 0 ][p3]      NULL is a page of zeros: room taken ahead costs a pointer
 *     b: [p0][q1][ 0 ][p3]      a copy that was written to at page 1
 *
 * Thousands of images of one disk are cheap this way. Threads: one at a time for each, but copies that share
 * pages may belong to different threads.
 */
#include <stddef.h>
#include <stdint.h>

struct paged_page;

struct paged {
    struct paged_page **pages;
    size_t count; /* pages that cover size */
    uint64_t size;
};

void paged_release(struct paged *paged);
/* to becomes equal to from; what it held is released */
void paged_copy(struct paged *to, const struct paged *from);
/* new bytes are zeros */
void paged_resize(struct paged *paged, uint64_t size);
/* grows as needed */
void paged_write(struct paged *paged, const void *data, size_t len, uint64_t offset);
/* what there is of [offset, offset + len); the number of bytes */
size_t paged_read(const struct paged *paged, void *data, size_t len, uint64_t offset);
