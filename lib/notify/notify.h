#pragma once
/*
 * notify.h - alerts to Alertmanagers (API v2), and none is lost while one of them is away.
 *
 *     notices --external labels, alert_relabel_configs--> JSON --+--> queue of a:9093 --batches--> POST
 *                                                               +--> queue of b:9093 --batches--> POST
 *
 * Each Alertmanager has a bounded queue of its own: when it is full the oldest go (counted). A batch that
 * cannot be delivered stays in front and is tried again, with growing pauses; one that is refused (4xx) is
 * dropped, as it would be refused again.
 *
 * Threads: one, with one loop, which sends; notifier_send and notifier_set_groups are called by any.
 */
#include "lib/base/err.h"
#include "lib/model/alert.h"
#include "lib/model/target_group.h"

#include <stdbool.h>
#include <stddef.h>

struct config;
struct registry;
struct notifier;

struct notifier_options {
    size_t queue_capacity;              /* of each Alertmanager; 0: 10000 */
    size_t batch_size;                  /* 0: 256 */
    bool drain;                         /* at a stop: send what waits, for at most drain_ms */
    int64_t drain_ms;                   /* 0: 10 s */
    int64_t backoff_ms, backoff_max_ms; /* pauses between attempts; 0: 1 s, doubling up to 30 s */
};

int notifier_create(const struct notifier_options *options, struct registry *registry,
                    struct notifier **notifier, struct err *err);
/* The alerting section from now on; queues of Alertmanagers that stay are kept. Targets of set i come as
 * "config-<i>". */
void notifier_apply(struct notifier *notifier, struct config *config);
/* context is the notifier: fits discovery_update */
void notifier_set_groups(void *notifier, const char *set, struct target_groups *groups);
/* copied; context is the notifier */
void notifier_send(void *notifier, const struct alert_notice *notices, size_t count);
/* drains if that was asked for; nothing is sent any more */
void notifier_stop(struct notifier *notifier);
void notifier_destroy(struct notifier *notifier); /* NULL is fine */

/* URLs of the Alertmanagers in use, and of those that relabelling dropped */
void notifier_list(struct notifier *notifier, bool dropped, void (*each)(void *context, const char *url),
                   void *context);
