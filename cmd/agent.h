#pragma once
/*
 * agent.h - --agent: scrape, keep for a while, send on. No queries, rules or alerts.
 *
 * The database is the same one, in a folder of its own and with a short retention: what a receiver has not
 * got yet is read from it.
 */
#include "lib/base/err.h"

struct config;
struct flags;

/* The flags' rules, as Prometheus has them; with --agent the storage's flags become the agent's. ERR_INVALID:
 * flags that do not go together. */
int agent_flags(struct flags *flags, struct err *err);
/* ERR_INVALID: a section that an agent has no use for */
int agent_check_config(const struct config *config, struct err *err);
