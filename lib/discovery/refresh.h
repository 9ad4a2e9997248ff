#pragma once
/*
 * refresh.h - inside of lib/discovery: the rhythm of kinds that ask again every refresh_interval.
 *
 *     begin -> run(state) ... -> refresh_done(err or NULL) -- interval since the begin --> run(state) ...
 */
#include "lib/discovery/provider.h"

#include <stdbool.h>

struct loop_timer;
struct summary;

struct refresh {
    struct provider *provider;
    struct loop_timer *timer;
    void (*run)(void *state);
    void *state;
    int64_t interval_ms, begin_ns;
    struct counter *failures;
    struct summary *duration;
};

/* the first run comes at the loop's next turn */
void refresh_start(struct refresh *refresh, struct provider *provider, int64_t interval_ms,
                   void (*run)(void *state), void *state);
void refresh_stop(struct refresh *refresh);
/* This run is over: counts it, tells the provider, plans the next. err NULL: it went well. */
void refresh_done(struct refresh *refresh, const struct err *err);
