#include "lib/discovery/refresh.h"

#include "lib/instrument/instrument.h"
#include "lib/sys/clock.h"
#include "lib/sys/timer.h"

static void on_timer(void *context) {
    struct refresh *refresh = context;
    refresh->begin_ns = clock_monotonic_ns();
    refresh->run(refresh->state);
}

static void create_metrics(struct refresh *refresh) {
    struct registry *registry = refresh->provider->shared->registry;
    if (!registry) return;
    instrument_labels labels =
        (const char *[]){"mechanism", refresh->provider->kind->name, "config", refresh->provider->set, NULL};
    refresh->failures = registry_counter(registry, "prometheus_sd_refresh_failures_total",
                                         "Refreshes that failed; the targets stayed as they were.", labels);
    refresh->duration = registry_summary(registry, "prometheus_sd_refresh_duration_seconds",
                                         "Time that a refresh took.", labels);
}

void refresh_start(struct refresh *refresh, struct provider *provider, int64_t interval_ms,
                   void (*run)(void *state), void *state) {
    *refresh = (struct refresh){.provider = provider, .interval_ms = interval_ms, .run = run, .state = state};
    create_metrics(refresh);
    refresh->timer = loop_timer_create(provider->shared->loop, on_timer, refresh);
    loop_timer_set(refresh->timer, 0);
}

void refresh_stop(struct refresh *refresh) {
    loop_timer_destroy(refresh->timer);
}

void refresh_done(struct refresh *refresh, const struct err *err) {
    int64_t taken_ns = clock_monotonic_ns() - refresh->begin_ns;
    if (refresh->duration) summary_observe(refresh->duration, (double)taken_ns * 1e-9);
    if (err) {
        provider_count(refresh->failures);
        provider_failed(refresh->provider, err);
    } else {
        provider_spoke(refresh->provider);
    }
    int64_t left_ms = refresh->interval_ms - taken_ns / 1000000;
    loop_timer_set(refresh->timer, left_ms > 0 ? left_ms : 0);
}
