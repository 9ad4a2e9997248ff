#include "storage/tsdb/numbers.h"

#include "lib/base/hash.h"

static bool page_equal(uint32_t index, const void *key, const void *context) {
    return ((const struct numbers *)context)->pages.items[index].page == *(const uint64_t *)key;
}

/* NULL: there is none */
static struct numbers_page *page_of(struct numbers *numbers, uint64_t number) {
    uint64_t page = number / NUMBERS_PAGE;
    if (numbers->last >= numbers->pages.count || numbers->pages.items[numbers->last].page != page) {
        uint32_t index = map_find(&numbers->by_page, hash_mix(0, page), &page, page_equal, numbers);
        if (index == MAP_NONE) return NULL;
        numbers->last = index;
    }
    return &numbers->pages.items[numbers->last];
}

void numbers_release(struct numbers *numbers) {
    map_release(&numbers->by_page);
    vec_release(&numbers->pages);
}

void numbers_set(struct numbers *numbers, uint64_t number, struct series_ref ref) {
    struct numbers_page *page = page_of(numbers, number);
    if (!page) {
        numbers->last = (uint32_t)numbers->pages.count;
        page = vec_push(&numbers->pages);
        *page = (struct numbers_page){.page = number / NUMBERS_PAGE};
        map_insert(&numbers->by_page, hash_mix(0, page->page), numbers->last);
    }
    page->refs[number % NUMBERS_PAGE] = ref;
}

struct series_ref numbers_get(struct numbers *numbers, uint64_t number) {
    const struct numbers_page *page = page_of(numbers, number);
    return page ? page->refs[number % NUMBERS_PAGE] : (struct series_ref){0};
}
