/*
 * match.c - which series match a list of matchers.
 *
 *     1  name="value"                           the smallest list, intersected with the others
 *     2  others that do not match "" (=~, != "") lists of the matching values united; or, when few series are
 *                                                left, each one's value looked at
 *     3  those that match "" (!=, !~, ="" ...)   lists of the values that do NOT match taken away: series
 *                                                without the label stay
 *
 * An expression is run once for each different value, not for each series.
 */
#include "lib/codec/regex.h"
#include "storage/head/inside.h"

struct match {
    const struct head *head;
    struct slots *slots;
    bool started; /* slots holds a result; before it means "all" */
};

static uint32_t slot_count(const struct head *head) {
    return (uint32_t)atomic_load_explicit(&head->table.count, memory_order_acquire);
}

static const struct posting_name *name_of(const struct head *head, struct span name) {
    uint32_t symbol = symbols_find(&head->symbols, name);
    return symbol ? postings_name(&head->postings, symbol) : NULL;
}

/* NULL: no series has it */
static const struct posting *posting_of(const struct head *head, const struct posting_name *name,
                                        struct span value) {
    uint32_t symbol = name ? symbols_find(&head->symbols, value) : SYMBOL_NONE;
    return symbol ? postings_find(name, symbol) : NULL;
}

static bool is_plain(const struct matcher *matcher) {
    return matcher->type == MATCH_EQUAL && matcher->value.len;
}

static const struct posting *equal_posting(const struct match *m, const struct matcher *matcher) {
    return posting_of(m->head, name_of(m->head, matcher->name), matcher->value);
}

static int match_equals(struct match *m, const struct matcher *matchers, size_t count, struct err *err) {
    const struct posting *smallest = NULL;
    size_t first = count;
    for (size_t i = 0; i < count; i++) {
        if (!is_plain(&matchers[i])) continue;
        const struct posting *posting = equal_posting(m, &matchers[i]);
        if (first < count && (!smallest || (posting && posting->count >= smallest->count))) continue;
        smallest = posting;
        first = i;
    }
    if (first == count) return 0;
    m->started = true;
    int rc = posting_copy(smallest, m->slots, err);
    for (size_t i = 0; !rc && m->slots->count && i < count; i++)
        if (i != first && is_plain(&matchers[i]))
            posting_filter(equal_posting(m, &matchers[i]), m->slots, true);
    return rc;
}

/* the lists of all values with this verdict */
static void unite(const struct head *head, const struct posting_name *name, const struct matcher *matcher,
                  bool verdict, struct slot_bitmap *bitmap) {
    const struct span *literals;
    size_t literal_count =
        verdict && matcher->type == MATCH_REGEX ? regex_literals(matcher->regex, &literals) : 0;
    for (size_t i = 0; i < literal_count; i++) posting_unite(posting_of(head, name, literals[i]), bitmap);
    if (literal_count) return;
    for (size_t i = 0; i < name->values.count; i++) {
        const struct posting *posting = &name->values.items[i];
        if (matcher_matches(matcher, symbols_text(&head->symbols, posting->value)) == verdict)
            posting_unite(posting, bitmap);
    }
}

#define MEMO_SIZE 64u

/* looks at each series' own value */
static void filter_by_value(struct match *m, const struct posting_name *name, const struct matcher *matcher) {
    struct {
        uint32_t symbol;
        bool matches;
    } memo[MEMO_SIZE] = {0};
    bool empty_matches = matcher_matches_empty(matcher);
    size_t kept = 0;
    for (size_t i = 0; i < m->slots->count; i++) {
        uint32_t slot = m->slots->items[i], value = index_value(m->head, slot, name->name);
        bool matches = empty_matches;
        if (value) {
            uint32_t at = (value * 0x9e3779b1u >> 16) % MEMO_SIZE;
            if (memo[at].symbol != value) {
                memo[at].symbol = value;
                memo[at].matches = matcher_matches(matcher, symbols_text(&m->head->symbols, value));
            }
            matches = memo[at].matches;
        }
        if (matches) m->slots->items[kept++] = slot;
    }
    m->slots->count = kept;
}

/* verdict true: keeps the series whose value matches; false: drops those whose value does not */
static int apply_lists(struct match *m, const struct posting_name *name, const struct matcher *matcher,
                       bool verdict, struct err *err) {
    struct slot_bitmap bitmap;
    int rc = slot_bitmap_init(&bitmap, slot_count(m->head), m->slots->budget, err);
    if (rc) return rc;
    unite(m->head, name, matcher, verdict, &bitmap);
    if (m->started)
        slots_filter(m->slots, &bitmap, verdict);
    else
        rc = slots_from_bitmap(m->slots, &bitmap, err);
    m->started = true;
    slot_bitmap_release(&bitmap);
    return rc;
}

static int match_scan(struct match *m, const struct matcher *matcher, struct err *err) {
    const struct posting_name *name = name_of(m->head, matcher->name);
    bool positive = !matcher_matches_empty(matcher);
    if (!name) { /* all values are "" */
        if (positive) m->slots->count = 0;
        if (positive) m->started = true;
        return 0;
    }
    if (m->started && m->slots->count <= name->values.count) {
        filter_by_value(m, name, matcher);
        return 0;
    }
    if (matcher->type == MATCH_NOT_EQUAL && matcher->value.len) {
        posting_filter(posting_of(m->head, name, matcher->value), m->slots, false);
        return 0;
    }
    return apply_lists(m, name, matcher, positive, err);
}

static int match_all(struct match *m, struct err *err) {
    uint32_t count = slot_count(m->head);
    m->slots->count = 0;
    int rc = slots_reserve(m->slots, count, err);
    if (rc) return rc;
    for (uint32_t slot = 0; slot < count; slot++)
        if (series_in_use(series_at(&m->head->table, slot))) m->slots->items[m->slots->count++] = slot;
    m->started = true;
    return 0;
}

int match_slots(const struct head *head, const struct matcher *matchers, size_t count, struct slots *slots,
                struct err *err) {
    struct match m = {head, slots, false};
    int rc = match_equals(&m, matchers, count, err);
    for (size_t i = 0; !rc && i < count; i++)
        if (!is_plain(&matchers[i]) && !matcher_matches_empty(&matchers[i]))
            rc = match_scan(&m, &matchers[i], err);
    if (!rc && !m.started) rc = match_all(&m, err);
    for (size_t i = 0; !rc && i < count; i++)
        if (matcher_matches_empty(&matchers[i])) rc = match_scan(&m, &matchers[i], err);
    return rc;
}
