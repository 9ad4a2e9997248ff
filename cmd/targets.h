#pragma once
/*
 * targets.h - inside of cmd: discovery and scraping, made one.
 *
 *     configuration --> discovery (one set per job) --groups--> scrape manager --> targets
 *                 \_______________ jobs _______________________/
 */
#include "cmd/features.h"
#include "cmd/flags.h"
#include "lib/base/err.h"

struct appender;
struct config;
struct discovery;
struct registry;
struct scrape_manager;

struct targets {
    struct scrape_manager *scrape; /* NULL before start */
    struct discovery *discovery;
};

/* starts both, without targets */
int targets_start(struct targets *targets, const struct flags *flags, const struct features *features,
                  struct appender *appender, struct registry *registry, struct err *err);
/* The main thread. Nothing before start. */
void targets_apply(struct targets *targets, struct config *config);
/* no more groups and scrapes; the scrape manager may still be asked */
void targets_stop(struct targets *targets);
void targets_destroy(struct targets *targets);
