#include "tests/support/paged.h"

#include "lib/base/mem.h"

#include <stdatomic.h>
#include <string.h>

#define PAGE ((size_t)4096)

struct paged_page {
    atomic_size_t holders;
    uint8_t bytes[PAGE];
};

static void let_go(struct paged_page *page) {
    if (page && atomic_fetch_sub(&page->holders, 1) == 1) mem_free(page);
}

void paged_release(struct paged *paged) {
    for (size_t i = 0; i < paged->count; i++) let_go(paged->pages[i]);
    mem_free(paged->pages);
    *paged = (struct paged){0};
}

void paged_copy(struct paged *to, const struct paged *from) {
    struct paged copy = {NULL, from->count, from->size};
    if (from->count) {
        copy.pages = mem_array(from->count, sizeof *copy.pages);
        memcpy(copy.pages, from->pages, from->count * sizeof *copy.pages);
    }
    for (size_t i = 0; i < copy.count; i++)
        if (copy.pages[i]) atomic_fetch_add(&copy.pages[i]->holders, 1);
    paged_release(to);
    *to = copy;
}

/* the page to write to: made, or copied when others hold it too */
static uint8_t *own(struct paged *paged, size_t index) {
    struct paged_page *page = paged->pages[index];
    if (page && atomic_load(&page->holders) == 1) return page->bytes;
    struct paged_page *mine = mem_zalloc(sizeof *mine);
    atomic_init(&mine->holders, 1);
    if (page) memcpy(mine->bytes, page->bytes, PAGE);
    let_go(page);
    paged->pages[index] = mine;
    return mine->bytes;
}

void paged_resize(struct paged *paged, uint64_t size) {
    size_t count = (size_t)((size + PAGE - 1) / PAGE), within = (size_t)(size % PAGE);
    for (size_t i = count; i < paged->count; i++) let_go(paged->pages[i]);
    if (count != paged->count && count) {
        paged->pages = mem_resize(paged->pages, count, sizeof *paged->pages);
        for (size_t i = paged->count; i < count; i++) paged->pages[i] = NULL;
    }
    /* bytes behind the end are zeros, so that growing again shows none of the old ones */
    if (size < paged->size && within && paged->pages[count - 1])
        memset(own(paged, count - 1) + within, 0, PAGE - within);
    paged->count = count;
    paged->size = size;
}

void paged_write(struct paged *paged, const void *data, size_t len, uint64_t offset) {
    const uint8_t *from = data;
    if (offset + len > paged->size) paged_resize(paged, offset + len);
    while (len) {
        size_t within = (size_t)(offset % PAGE), step = PAGE - within;
        if (step > len) step = len;
        memcpy(own(paged, (size_t)(offset / PAGE)) + within, from, step);
        from += step;
        offset += step;
        len -= step;
    }
}

size_t paged_read(const struct paged *paged, void *data, size_t len, uint64_t offset) {
    uint8_t *to = data;
    uint64_t there = offset < paged->size ? paged->size - offset : 0;
    if (len > there) len = (size_t)there;
    for (size_t left = len; left;) {
        size_t within = (size_t)(offset % PAGE), step = PAGE - within;
        if (step > left) step = left;
        const struct paged_page *page = paged->pages[offset / PAGE];
        if (page)
            memcpy(to, page->bytes + within, step);
        else
            memset(to, 0, step);
        to += step;
        offset += step;
        left -= step;
    }
    return len;
}
