#pragma once
/*
 * backfill.h - inside of cmd: recording rules evaluated over the past, by a server or over a data folder.
 *
 *     rule, [from, to) -> range queries -> rows -> gather (storage/foreign) -> blocks
 *
 * Samples stand where the group's own evaluations would have put them; where a series is not there any more
 * it gets a staleness marker; a time with more results than the group's limit has none.
 */
#include "promql/rules/rule_set.h"
#include "storage/foreign/gather.h"

struct engine;
struct tsdb;

struct backfill_source {
    const char *url; /* of the server that is asked; NULL: the store is */
    struct tsdb *tsdb;
    struct engine *engine;
};

/* The results of a recording rule for the times in [from_ms, to_ms); what was there one interval before
 * from_ms is looked at unless is_first. A server's native histograms cannot be taken: they are counted. */
int backfill_rule(const struct backfill_source *source, const struct rule_set_group *group,
                  const struct rule *rule, int64_t from_ms, int64_t to_ms, bool is_first,
                  struct gather *gather, uint64_t *left_out, struct err *err);

/* rules backfill ...: the command; url: what is asked when nothing else is said, NULL: the data folder */
int backfill_run(int argc, char **argv, const char *url);
