#include "lib/instrument/family.h"

#include "lib/base/assert.h"

static void atomic_add(_Atomic double *place, double amount) {
    double before = atomic_load_explicit(place, memory_order_relaxed);
    while (!atomic_compare_exchange_weak_explicit(place, &before, before + amount, memory_order_relaxed,
                                                  memory_order_relaxed)) {
    }
}

void counter_add(struct counter *counter, double amount) {
    ASSERT(amount >= 0);
    atomic_add(&counter->total, amount);
}

void counter_set(struct counter *counter, double total) {
    atomic_store_explicit(&counter->total, total, memory_order_relaxed);
}

double counter_value(const struct counter *counter) {
    return atomic_load_explicit(&counter->total, memory_order_relaxed);
}

void gauge_set(struct gauge *gauge, double value) {
    atomic_store_explicit(&gauge->value, value, memory_order_relaxed);
}

void gauge_add(struct gauge *gauge, double amount) {
    atomic_add(&gauge->value, amount);
}

double gauge_value(const struct gauge *gauge) {
    return atomic_load_explicit(&gauge->value, memory_order_relaxed);
}

void histogram_observe(struct histogram *histogram, double value) {
    size_t bucket = 0;
    while (bucket < histogram->bound_count && !(value <= histogram->bounds[bucket])) bucket++;
    atomic_fetch_add_explicit(&histogram->buckets[bucket], 1, memory_order_relaxed);
    atomic_add(&histogram->sum, value);
}

void summary_observe(struct summary *summary, double value) {
    pthread_mutex_lock(&summary->lock);
    summary->window[summary->count++ % SUMMARY_WINDOW] = value;
    summary->sum += value;
    pthread_mutex_unlock(&summary->lock);
}
