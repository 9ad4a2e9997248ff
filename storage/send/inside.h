#pragma once
/*
 * inside.h - inside of storage/send: a queue, its shards, and the reading of what it fell behind.
 *
 * All of a queue belongs to its thread, but for what tail.h guards.
 */
#include "lib/base/vec.h"
#include "lib/config/config.h"
#include "lib/http/client.h"
#include "lib/instrument/instrument.h"
#include "lib/relabel/relabel.h"
#include "lib/sys/loop.h"
#include "lib/sys/thread.h"
#include "lib/sys/timer.h"
#include "storage/send/send_answer.h"
#include "storage/send/send_message.h"
#include "storage/send/sender.h"
#include "storage/tsdb/tail.h"

#include <string.h>

struct queue;
struct metadata_sender;

static inline bool send_is_v2(const struct remote_write_config *remote) {
    return strcmp(remote->protobuf_message, "io.prometheus.write.v2.Request") == 0;
}

static inline bool send_has_histograms(const struct remote_write_config *remote) {
    return remote->send_native_histograms || send_is_v2(remote);
}

/* what is in a message */
struct load {
    uint64_t first_place;                  /* of rows of the tail (tail.h); 0: none of them */
    size_t samples, histograms, exemplars; /* samples: with the histograms */
    int64_t newest_ms;                     /* INT64_MIN: empty */
    bool is_doubtful; /* some may have been sent before: a row a series, so that the others can be told apart
                       */
};

/* series from .. to - 1 of a message */
struct part {
    size_t from, to;
};

/* Rows of its series in order: a message fills while the one before is under way. */
struct shard {
    struct queue *queue;
    struct send_message filling, sending;
    struct load filling_load, sending_load;
    VEC(struct part) parts; /* of the message under way, still to be answered: the last is under way */
    bool is_told;           /* that something of it was refused */
    struct http_request *request;
    struct loop_timer *again; /* set: the message under way waits for its next attempt */
    struct send_pause pause;
    bool is_sending;
    int64_t started_ns;
};

/* one window of time that was read, as of a moment */
struct read_window {
    int64_t from, to;
    uint64_t commit;
};

/* What a queue fell behind, a window of time after the other. */
struct reading {
    bool is_on;
    int64_t from, to, width_ms; /* of the window that is read */
    struct queryable *moment;   /* NULL: between two windows */
    struct series_set *set;
    size_t index, row, rows; /* the series, of its columns the next, all of the window */
    bool has_series;
    struct columns columns;
    struct arena arena; /* of the labels */
    struct labels labels;
    bool is_first; /* of the windows: what an earlier run had sent, but not heard of, is in it */
    bool is_kept;  /* by relabelling */
    struct shard *shard;
    VEC(struct read_window) done; /* rows of the tail that these have are not sent again */
};

struct queue_metrics {
    struct counter *samples, *histograms, *exemplars, *metadata;
    struct counter *failed, *failed_histograms, *failed_exemplars, *metadata_failed;
    struct counter *retried, *retried_histograms, *retried_exemplars, *metadata_retried;
    struct counter *bytes, *in_samples;
    struct counter *dropped_relabel, *dropped_old, *dropped_histograms;
    struct gauge *pending, *shards, *shards_min, *shards_max, *shards_desired, *capacity, *batch_max,
        *highest_sent;
    struct histogram *duration;
};

struct queue {
    struct sender *sender;
    struct config *config; /* a reference */
    const struct remote_write_config *remote;
    char *url;         /* without its password */
    char *name, *text; /* of the tail; the configuration as text, to see whether it is as before */
    const struct relabel_rules *rules;
    struct loop *loop;
    struct http_client *client;
    struct thread thread;
    struct tail *tail;
    struct shard *shards;
    size_t shard_count, shards_wanted;
    struct tail_rows *rows; /* being dealt out */
    size_t row;
    uint64_t taken; /* place of the last rows taken */
    struct reading reading;
    struct arena arena;           /* of a row's labels */
    VEC(struct label) own, items; /* of a series; with external ones */
    struct loop_timer *deadline, *save, *resize;
    struct metadata_sender *metadata;      /* NULL: none is sent */
    double rate_in, rate_out, seconds_out; /* since the last look at the number of shards */
    bool is_failing;                       /* logged once until it goes again */
    bool is_running, is_pumping, is_stopping, is_stopped;
    int64_t stop_at_ms;
    struct queue_metrics metrics;
};

struct sender {
    struct sender_options options;
    struct registry *registry;
    struct counter *in_total;
    VEC(struct queue *) queues;
};

/* queue.c */
int queue_create(struct sender *sender, struct config *config, const struct remote_write_config *remote,
                 const char *name, const char *text, struct queue **queue, struct err *err);
/* sends what is left until a time (monotonic), then ends its thread */
void queue_stop(struct queue *queue, int64_t at_ms);
void queue_destroy(struct queue *queue);
/* goes on: rows are dealt out as far as there is room */
void queue_pump(struct queue *queue);
/* a message was answered for good */
void queue_answered(struct queue *queue);
bool queue_is_idle(const struct queue *queue);
void queue_send_all(struct queue *queue);
/* External labels and write_relabel_configs. *kept false: the series is not sent. Texts of the result are
 * those given, the configuration's, or in arena. */
int queue_labels(struct queue *queue, struct labels labels, struct arena *arena, struct labels *result,
                 bool *kept, struct err *err);
/* is it too old for sample_age_limit? */
bool queue_is_old(const struct queue *queue, int64_t time_ms, int64_t now_ms);
/* http options of a message; list in arena */
int queue_http_options(const struct queue *queue, struct arena *arena, struct http_request_options *options,
                       struct err *err);

/* shard.c */
int shard_init(struct shard *shard, struct queue *queue, struct err *err);
void shard_release(struct shard *shard);
/* sends first when it is full and may; false: no room until an answer comes */
bool shard_has_room(struct shard *shard);
/* rows of one series from *row on; place 0: not of the tail, is_doubtful: one of them */
void shard_add(struct shard *shard, struct labels labels, const struct columns *columns,
               struct send_exemplars exemplars, size_t *row, uint64_t place, bool is_doubtful);
/* what there is, unless a message is under way */
void shard_send(struct shard *shard);

/* reading.c */
void reading_init(struct queue *queue);
void reading_release(struct queue *queue);
/* everything from the earliest time that the tail missed; all shards are idle */
void reading_begin(struct queue *queue);
/* false: it waits for answers */
bool reading_step(struct queue *queue);
/* was a row of the tail sent by the reading? */
bool reading_has(const struct queue *queue, int64_t time_ms, uint64_t commit);

/* metadata.c: *made NULL when none is wanted */
int metadata_sender_create(struct queue *queue, struct metadata_sender **made, struct err *err);
void metadata_sender_destroy(struct metadata_sender *sender); /* NULL is fine */

/* queue_metrics.c */
void queue_metrics_init(struct queue *queue);
void queue_metrics_release(struct queue *queue);
