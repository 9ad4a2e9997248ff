#pragma once
/*
 * asker.h - remote read, the asking side: queries see other servers' series beside those of the database.
 *
 *     engine --queryable--> asker --> database
 *                             +-----> POST to each remote_read  -> series in memory
 *
 * Of a series that several have, the rows are one; of two of one time (which are the same) one stays. A
 * remote that does not answer is a warning of the query, not its end. Without `read_recent` a remote is asked
 * only for what is older than the database's first sample.
 *
 * Threads: the port takes any; requests go through one loop of its own; apply from one thread.
 */
#include "lib/model/queryable.h"

struct asker;
struct config;
struct registry;
struct tsdb;

/* The tsdb outlives it. replica_label: the external label by which two servers that scrape the same targets
 * differ (pair.h): it is taken off what remotes answer, and their samples fill the gaps of ours. NULL or
 * empty: there is no pair. */
int asker_create(struct tsdb *tsdb, const char *replica_label, struct registry *registry,
                 struct asker **asker, struct err *err);
/* what is asked from now on; queries under way keep what they began with */
void asker_apply(struct asker *asker, struct config *config);
/* lives as long as the asker */
struct queryable *asker_queryable(struct asker *asker);
/* no query may be under way; NULL is fine */
void asker_destroy(struct asker *asker);
