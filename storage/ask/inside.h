#pragma once
/*
 * inside.h - inside of storage/ask: the remotes of one configuration, a call to one of them, and its answer.
 */
#include "lib/base/vec.h"
#include "lib/config/config.h"
#include "lib/http/client.h"
#include "lib/instrument/instrument.h"
#include "lib/sys/loop.h"
#include "lib/sys/thread.h"
#include "storage/ask/asker.h"
#include "storage/tsdb/sources.h"
#include "storage/tsdb/tsdb.h"

#include <stdatomic.h>

struct remote {
    const struct remote_read_config *config;
    char *name;
    const char *warning; /* of a query that it did not answer; the asker's, so that it outlives the query */
    struct counter *queries, *failed;
    struct gauge *under_way;
};

/* what a configuration says; shared by the queries that began with it */
struct remotes {
    atomic_uint references;
    struct config *config; /* a reference */
    struct remote *items;
    size_t count;
};

struct asker_port {
    struct queryable port; /* first */
    struct asker *asker;
    /* of one query: */
    struct queryable *base;
    struct remotes *remotes;
};

struct asker {
    struct asker_port port;
    struct tsdb *tsdb;
    struct span replica; /* see asker_create */
    struct registry *registry;
    struct loop *loop;
    struct http_client *client;
    struct thread thread;
    struct damage_notes damage; /* the database tells of its own */
    struct mutex lock;          /* guards remotes */
    struct remotes *remotes;
    VEC(char *) warnings; /* one for each name there ever was */
};

struct question {
    const struct matcher *matchers;
    size_t matcher_count;
    int64_t mint, maxt;
    struct span replica;    /* a label that is taken off the answer, or empty */
    struct labels external; /* labels that stand for the remote: in the question, not in the answer */
};

/* message.c */
/* prometheus.ReadRequest of one query, as a snappy block */
int question_write(const struct question *question, struct buf *packed, struct err *err);
/* the series of a prometheus.ReadResponse; *set is closed by series_set_close */
int answer_read(const struct question *question, struct span packed, struct budget *budget,
                struct series_set **set, struct err *err);

/* call.c: waits for the answer, which is put into body */
int remote_call(struct asker *asker, const struct remote *remote, struct span question, struct buf *body,
                struct err *err);
