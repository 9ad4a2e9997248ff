#pragma once
/*
 * web.h - the HTTP side of the server: API and listener, given the parts that they speak for.
 *
 *     web_start   listens; /-/healthy and /metrics answer, everything else 503
 *     web_ready   the database is open: everything answers
 *     web_stop    no handler runs any more; then the parts may go
 */
#include "cmd/flags.h"
#include "cmd/reload_door.h"

struct engine;
struct notifier;
struct push_store;
struct registry;
struct queryable;
struct rules_manager;
struct scrape_manager;
struct tsdb;
struct web;

struct web_parts { /* outlive the web */
    const struct flags *flags;
    struct registry *registry;
    struct engine *engine;
    bool has_step_stats;                  /* feature promql-per-step-stats */
    struct budget *memory;                /* requests draw from it */
    struct push_store *push;              /* NULL: the push endpoint is off */
    const struct tsdb_progress *progress; /* of opening the database */
    struct reload *reload;
    struct reload_door *door;
    void (*quit)(void *context); /* from any thread */
    void *context;
};

/* The error names a port in use. */
int web_start(const struct web_parts *parts, struct web **web, struct err *err);
void web_ready(struct web *web, struct queryable *queryable, struct tsdb *tsdb, struct scrape_manager *scrape,
               struct rules_manager *rules, struct notifier *notifier);
/* NULL is fine */
void web_stop(struct web *web);
