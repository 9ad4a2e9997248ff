#pragma once
/*
 * sender.h - remote write, the sending side: what the database takes goes on to other ones.
 *
 *     tsdb --tail--> queue of a receiver --+--> shard: message, one under way ---> POST
 *          --query port, when behind -->   +--> shard ...
 *
 * Nothing is lost while a receiver is down, or we are: a queue knows up to where all has been answered
 * (storage/tsdb/tail.h), and reads what it has fallen behind from head and blocks. Memory is bounded by the
 * rows of the tail and two messages for each shard.
 *
 * Threads: one for each queue, on a loop of its own; apply and stop from one thread.
 */
#include "lib/base/err.h"

#include <stdint.h>

struct config;
struct registry;
struct sender;
struct tsdb;

struct sender_options {
    struct tsdb *tsdb;         /* outlives the sender */
    int64_t flush_deadline_ms; /* so long a stop waits for what is under way; 0: a minute */
};

struct sender *sender_create(const struct sender_options *options, struct registry *registry);
/* The receivers of a configuration: those that are as before go on as they are. */
int sender_apply(struct sender *sender, struct config *config, struct err *err);
/* sends what there is, as far as receivers take it; before the tsdb is closed */
void sender_stop(struct sender *sender);
/* NULL is fine */
void sender_destroy(struct sender *sender);
