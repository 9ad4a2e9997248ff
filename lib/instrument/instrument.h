#pragma once
/*
 * instrument.h - the server's own metrics.
 *
 *     registry --- family "prometheus_http_requests_total" (counter, help) --- child {handler="/",code="200"}
 * --- value
 *
 * Families are named once, at the start of the component that owns them; children come from closed label
 * sets, never from input. Asking for the same name and labels again gives the same child. Values are atomics:
 * any thread may add, set and observe. What is known only when asked (memory, queue lengths) is set by a
 * collect function before each exposition. A histogram's exposition is consistent: its count is the sum of
 * its buckets. Everything is freed with the registry.
 */
#include "lib/base/buf.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct registry;
struct counter;
struct gauge;
struct histogram;

/* label names and values in turn, ended by NULL: (const char *[]){"handler", "/", "code", "200", NULL}; or
 * NULL for none. Copied. */
typedef const char *const *instrument_labels;

struct registry *registry_create(void);
void registry_destroy(struct registry *registry);

struct counter *registry_counter(struct registry *registry, const char *name, const char *help,
                                 instrument_labels labels);
struct gauge *registry_gauge(struct registry *registry, const char *name, const char *help,
                             instrument_labels labels);
/* upper bounds ascending, without +Inf */
struct histogram *registry_histogram(struct registry *registry, const char *name, const char *help,
                                     instrument_labels labels, const double *bounds, size_t bound_count);
/* sum, count, and the quantiles 0.01 0.05 0.5 0.9 0.99 of the last 500 observations */
struct summary;
struct summary *registry_summary(struct registry *registry, const char *name, const char *help,
                                 instrument_labels labels);

void counter_add(struct counter *counter, double amount); /* amount >= 0 */
static inline void counter_inc(struct counter *counter) {
    counter_add(counter, 1);
}
/* for collect functions that mirror a total kept elsewhere */
void counter_set(struct counter *counter, double total);
double counter_value(const struct counter *counter);
void gauge_set(struct gauge *gauge, double value);
void gauge_add(struct gauge *gauge, double amount);
double gauge_value(const struct gauge *gauge);
void histogram_observe(struct histogram *histogram, double value);
void summary_observe(struct summary *summary, double value);

/* called before each exposition, in order of registration; pair with registry_forget before `context` dies */
void registry_on_collect(struct registry *registry, void (*collect)(void *context), void *context);
void registry_forget(struct registry *registry, void *context);

/* No family has a child of exactly these labels any more; whoever held one must not use it. */
void registry_remove(struct registry *registry, instrument_labels labels);

/* text format 0.0.4, families sorted by name */
void registry_write(struct registry *registry, struct buf *out);
