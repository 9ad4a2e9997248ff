#pragma once
/*
 * push.h - inside of cmd: the push endpoint's store, and its scrape.
 *
 *     /metrics/job/... --> store --text, every global scrape_interval--> scrape manager of its own -->
 * appender
 *                            \--when it changed--> <data>/push
 *
 * The scrape is one target, job "push", instance "push", with honor_labels: caches, staleness and limits are
 * those of every other.
 */
#include "cmd/flags.h"
#include "lib/base/budget.h"
#include "lib/base/err.h"
#include "lib/scrape/scrape.h"

struct config;
struct push_store;

struct push {
    const struct flags *flags;
    struct push_store *store; /* NULL: the endpoint is off */
    struct scrape_manager *scrape;
    struct scrape_source source;
    char *path;          /* of its file */
    int64_t interval_ms; /* of the scrape, as applied last */
};

/* the store, empty, if the flags ask for it */
void push_init(struct push *push, const struct flags *flags, struct budget *memory);
/* the database is open: reads the file, begins to scrape. A damaged file is told in the log and put aside. */
int push_start(struct push *push, struct appender *appender, struct err *err);
/* takes the interval of a configuration; nothing before start */
void push_apply(struct push *push, const struct config *config);
/* no more scrapes; after this nobody pushes any more: push_destroy writes the file a last time */
void push_stop(struct push *push);
void push_destroy(struct push *push);
