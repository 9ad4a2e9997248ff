#pragma once
/*
 * inside.h - inside of lib/notify: the notifier, its Alertmanagers, and how a notice becomes JSON.
 */
#include "lib/base/vec.h"
#include "lib/config/config.h"
#include "lib/http/client.h"
#include "lib/instrument/instrument.h"
#include "lib/notify/notify.h"
#include "lib/notify/queue.h"
#include "lib/sys/thread.h"
#include "lib/sys/timer.h"

#define NOTIFY_MAX_BODY ((size_t)64 << 20)

struct manager { /* an Alertmanager */
    struct notifier *notifier;
    char *url;
    size_t set;         /* index of its configuration */
    bool is_wanted;     /* a mark while the list is made anew */
    struct queue queue; /* guarded by the notifier's lock */
    /* the loop's: */
    struct http_request *request;
    struct loop_timer *timer; /* until the next attempt */
    struct buf body;
    bool is_sending;
    int64_t backoff_ms, started_ns;
    struct counter *sent, *errors, *dropped;
    struct gauge *length;
    struct summary *latency;
};

struct notifier {
    struct notifier_options options;
    struct registry *registry;
    struct loop *loop;
    struct http_client *client;
    struct thread thread;
    struct mutex lock; /* guards all below */
    struct condition idle;
    struct config *config;         /* NULL before the first apply */
    struct target_groups **groups; /* of each set; NULL: not known yet */
    size_t set_count;
    VEC(struct manager *) managers;
    VEC(char *) dropped;
    bool is_stopping;
    atomic_bool is_stopped; /* read by the loop without the lock, too */
    struct gauge *discovered;
};

/* manager.c, on the loop's thread */
struct manager *manager_create(struct notifier *n, const char *url, size_t set);
void manager_destroy(struct manager *manager);
/* the options of its configuration, as they are now; the lock is held */
void manager_configure(struct manager *manager, const struct alertmanager_config *config);
/* sends when there is something and nothing is under way */
void manager_kick(struct manager *manager);

/* message.c: the labels after relabelling; *kept false: the alert is not sent */
int notice_labels(struct config *config, const struct relabel_configs *rules, struct labels labels,
                  struct arena *arena, struct labels *result, bool *kept, struct err *err);
/* of the API, in out */
void notice_write(const struct alert_notice *notice, struct labels labels, struct buf *out);
/* the URL that a discovered target stands for, in arena; *kept false: relabelling drops it */
int manager_url(struct config *config, const struct alertmanager_config *am, struct labels target,
                struct arena *arena, const char **url, bool *kept, struct err *err);
