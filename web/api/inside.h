#pragma once
/*
 * inside.h - inside of web/api: the api itself, and the list of handlers (their table: routes.c).
 */
#include "web/api/answer.h"
#include "web/api/api.h"
#include "web/api/params.h"

#include <stdatomic.h>

enum api_state { API_STARTING, API_READY, API_STOPPING };

struct api {
    uint32_t magic;
    struct api_context context;
    struct router router;
    atomic_int state;                 /* enum api_state; API_READY publishes the pointers below */
    atomic_int_least64_t stopping_ms; /* since when; wall clock */
    atomic_size_t subscribers;        /* of live notifications */
    struct queryable *queryable;
    struct tsdb *tsdb;
    struct scrape_manager *scrape;
    struct rules_manager *rules;
    struct notifier *notifier;
    struct counter *exposed[2]; /* /metrics: answered, too large */
    struct gauge *exposing;
    struct gauge *subscribed;
    struct counter *notified;
    struct turns *reads;                                     /* of remote read */
    struct gauge *reading;                                   /* NULL without a registry */
    struct counter *federation_errors, *federation_warnings; /* NULL without a registry */
};

/* of a route: an agent (api_context.is_agent) does not have it */
#define ROUTE_NO_AGENT ROUTE_OWN

/* routes.c: every path, in one table */
extern const struct route api_routes[];
extern const size_t api_route_count;

/* of the handler's context */
struct api *api_of(void *context);
/* the series that this request may read; NULL after answering that there is no memory. Every handler that
   reads series asks for it: api->queryable shows all. */
struct queryable *api_readable(struct api *api, struct exchange *exchange);
/* the same of the database alone: two servers that ask each other do not ask on */
struct queryable *api_readable_here(struct api *api, struct exchange *exchange);

struct config;
struct scrape_config;
/* the job of that name; NULL after answering that there is none. *config: with a reference for the caller */
const struct scrape_config *api_find_job(struct exchange *exchange, struct api *api, struct span name,
                                         struct config **config);

/* Names of labels, or values of `name` unless it is empty, over the series that one of the matches lets
   through (without any: all): sorted, each once, in the request's arena. */
int api_collect_texts(struct exchange *exchange, struct queryable *readable, struct span name, int64_t mint,
                      int64_t maxt, const struct matches *matches, struct span **texts, size_t *count,
                      struct err *err);
/* what targets and senders said of their metrics, sorted by metric, in the request's arena */
struct metadata_info;
int api_collect_metadata(struct exchange *exchange, struct api *api, const struct metadata_info **items,
                         size_t *count, struct err *err);

/* query.c */
void api_query(struct exchange *exchange, void *context);
void api_query_range(struct exchange *exchange, void *context);
/* query_tree.c */
void api_format_query(struct exchange *exchange, void *context);
void api_parse_query(struct exchange *exchange, void *context);
/* queries.c */
void api_active_queries(struct exchange *exchange, void *context);
void api_cancel_query(struct exchange *exchange, void *context);
void api_top_queries(struct exchange *exchange, void *context);
/* exemplars.c */
void api_query_exemplars(struct exchange *exchange, void *context);
/* series.c */
void api_series(struct exchange *exchange, void *context);
void api_labels(struct exchange *exchange, void *context);
void api_label_values(struct exchange *exchange, void *context);
/* search.c */
void api_search_metric_names(struct exchange *exchange, void *context);
void api_search_label_names(struct exchange *exchange, void *context);
void api_search_label_values(struct exchange *exchange, void *context);
/* federate.c */
void api_federate(struct exchange *exchange, void *context);
/* targets.c */
void api_targets(struct exchange *exchange, void *context);
void api_scrape_pools(struct exchange *exchange, void *context);
void api_scrape_pool_config(struct exchange *exchange, void *context);
/* relabel_steps.c */
void api_relabel_steps(struct exchange *exchange, void *context);
/* metadata.c */
void api_metadata(struct exchange *exchange, void *context);
void api_target_metadata(struct exchange *exchange, void *context);
/* status.c, status_tsdb.c */
void api_build_info(struct exchange *exchange, void *context);
void api_runtime_info(struct exchange *exchange, void *context);
void api_config(struct exchange *exchange, void *context);
void api_flags(struct exchange *exchange, void *context);
void api_tsdb(struct exchange *exchange, void *context);
void api_tsdb_blocks(struct exchange *exchange, void *context);
void api_wal_replay(struct exchange *exchange, void *context);
/* notifications.c */
void api_notifications(struct exchange *exchange, void *context);
void api_notifications_live(struct exchange *exchange, void *context);
/* openapi.c */
void api_openapi(struct exchange *exchange, void *context);
/* features.c */
void api_features(struct exchange *exchange, void *context);
/* self_metrics.c */
void api_self_metrics(struct exchange *exchange, void *context);
/* write.c */
void api_write(struct exchange *exchange, void *context);
/* push.c, push_status.c; status.c has api_push_status */
void api_push(struct exchange *exchange, void *context);
void api_push_metrics(struct exchange *exchange, void *context);
void api_push_status(struct exchange *exchange, void *context);
void api_push_wipe(struct exchange *exchange, void *context);
/* the store; NULL after answering that the endpoint is off */
struct push_store *api_push_store(struct exchange *exchange, const struct api *api);
void api_influx(struct exchange *exchange, void *context);
void api_import(struct exchange *exchange, void *context);
/* read.c */
void api_read(struct exchange *exchange, void *context);
/* admin.c */
void api_delete_series(struct exchange *exchange, void *context);
void api_clean_tombstones(struct exchange *exchange, void *context);
void api_snapshot(struct exchange *exchange, void *context);
/* rules.c */
void api_rules(struct exchange *exchange, void *context);
void api_alerts(struct exchange *exchange, void *context);
void api_alertmanagers(struct exchange *exchange, void *context);
/* operate.c */
void api_healthy(struct exchange *exchange, void *context);
void api_ready(struct exchange *exchange, void *context);
void api_reload(struct exchange *exchange, void *context);
void api_quit(struct exchange *exchange, void *context);
void api_metrics(struct exchange *exchange, void *context);
void api_version(struct exchange *exchange, void *context);
/* page.c */
void api_page(struct exchange *exchange, void *context);
