#include "lib/notify/notify.h"

#include "lib/base/log.h"
#include "lib/base/mem.h"
#include "lib/notify/inside.h"
#include "lib/sys/clock.h"
#include "lib/sys/loop.h"

#include <stdio.h>

#define MESSAGE_MAX_BYTES ((size_t)16 << 20)

static const struct alertmanager_config *set_config(const struct notifier *n, size_t set) {
    return &n->config->alerting.alertmanagers.items[set];
}

/* ---- who is there: on the loop's thread, with the lock ---- */

static struct manager *find_manager(struct notifier *n, const char *url) {
    for (size_t i = 0; i < n->managers.count; i++)
        if (strcmp(n->managers.items[i]->url, url) == 0) return n->managers.items[i];
    return NULL;
}

/* each URL once, whichever set names it first */
static void want(struct notifier *n, const char *url, size_t set) {
    struct manager *m = find_manager(n, url);
    if (m && m->is_wanted) return;
    if (!m) {
        m = manager_create(n, url, set);
        *vec_push(&n->managers) = m;
    }
    m->is_wanted = true;
    m->set = set;
    if (!m->request) manager_configure(m, set_config(n, set));
}

static void want_target(struct notifier *n, size_t set, struct labels target) {
    struct arena arena;
    struct err err = {0};
    const char *url;
    bool kept = true;
    arena_init(&arena, MESSAGE_MAX_BYTES, NULL);
    if (manager_url(n->config, set_config(n, set), target, &arena, &url, &kept, &err))
        LOG(LOG_ERROR, "an Alertmanager cannot be used", "err", err.text);
    else if (kept)
        want(n, url, set);
    else
        *vec_push(&n->dropped) = mem_strdup(url);
    arena_release(&arena);
}

static void forget_dropped(struct notifier *n) {
    for (size_t i = 0; i < n->dropped.count; i++) mem_free(n->dropped.items[i]);
    n->dropped.count = 0;
}

static void keep_wanted(struct notifier *n) {
    size_t kept = 0;
    for (size_t i = 0; i < n->managers.count; i++) {
        struct manager *m = n->managers.items[i];
        if (m->is_wanted)
            n->managers.items[kept++] = m;
        else
            manager_destroy(m);
    }
    n->managers.count = kept;
    gauge_set(n->discovered, (double)kept);
}

/* sets of which nothing is known yet keep what they have */
static void rebuild(struct notifier *n) {
    forget_dropped(n);
    for (size_t i = 0; i < n->managers.count; i++) {
        struct manager *m = n->managers.items[i];
        m->is_wanted = m->set < n->set_count && !n->groups[m->set];
    }
    for (size_t set = 0; set < n->set_count; set++) {
        const struct target_groups *groups = n->groups[set];
        for (size_t g = 0; groups && g < groups->count; g++)
            for (size_t t = 0; t < groups->items[g]->count; t++)
                want_target(n, set, groups->items[g]->targets[t]);
    }
    keep_wanted(n);
}

static void kick_all(struct notifier *n) {
    for (size_t i = 0; i < n->managers.count; i++) manager_kick(n->managers.items[i]);
}

static void on_groups(void *argument) {
    struct notifier *n = argument;
    mutex_lock(&n->lock);
    if (!n->is_stopped) rebuild(n);
    mutex_unlock(&n->lock);
    if (!n->is_stopped) kick_all(n);
}

static void on_config(void *argument) {
    struct notifier *n = argument;
    mutex_lock(&n->lock);
    for (size_t i = 0; i < n->managers.count && !n->is_stopped; i++) {
        struct manager *m = n->managers.items[i];
        if (m->set < n->set_count) manager_configure(m, set_config(n, m->set));
    }
    mutex_unlock(&n->lock);
    on_groups(n);
}

static void on_news(void *argument) {
    struct notifier *n = argument;
    if (!n->is_stopped) kick_all(n);
}

/* ---- from other threads ---- */

void notifier_apply(struct notifier *n, struct config *config) {
    mutex_lock(&n->lock);
    struct config *old = n->config;
    n->config = config_ref(config);
    for (size_t i = 0; i < n->set_count; i++) target_groups_unref(n->groups[i]);
    mem_free(n->groups);
    n->set_count = config->alerting.alertmanagers.count;
    n->groups = mem_array(n->set_count ? n->set_count : 1, sizeof *n->groups);
    mutex_unlock(&n->lock);
    loop_post(n->loop, on_config, n);
    config_unref(old);
}

void notifier_set_groups(void *notifier, const char *set, struct target_groups *groups) {
    struct notifier *n = notifier;
    unsigned index;
    if (sscanf(set, "config-%u", &index) != 1) return;
    mutex_lock(&n->lock);
    if (index < n->set_count) {
        target_groups_unref(n->groups[index]);
        n->groups[index] = target_groups_ref(groups);
    }
    mutex_unlock(&n->lock);
    loop_post(n->loop, on_groups, n);
}

/* external labels where the alert has none of that name, then the rules for all */
static int common_labels(const struct notifier *n, struct labels labels, struct arena *arena,
                         struct labels *result, bool *kept, struct err *err) {
    struct labels external = n->config->global.external_labels;
    struct label_builder builder;
    label_builder_init(&builder, arena, labels);
    for (uint32_t i = 0; i < external.count; i++)
        if (!labels_has(labels, external.items[i].name))
            label_builder_set(&builder, external.items[i].name, external.items[i].value);
    int rc = label_builder_finish(&builder, &labels, err);
    return rc ? rc
              : notice_labels(n->config, &n->config->alerting.alert_relabel_configs, labels, arena, result,
                              kept, err);
}

static void push_to_set(struct notifier *n, size_t set, struct message *message) {
    for (size_t i = 0; i < n->managers.count; i++) {
        struct manager *m = n->managers.items[i];
        if (m->set != set) continue;
        if (queue_push(&m->queue, message)) counter_inc(m->dropped);
        gauge_set(m->length, (double)m->queue.count);
    }
}

static int push_notice(struct notifier *n, const struct alert_notice *notice, struct arena *arena,
                       struct buf *json, struct err *err) {
    struct labels common, labels;
    bool kept;
    int rc = common_labels(n, notice->labels, arena, &common, &kept, err);
    for (size_t set = 0; set < n->set_count && !rc && kept; set++) {
        bool is_sent;
        rc = notice_labels(n->config, &set_config(n, set)->alert_relabel_configs, common, arena, &labels,
                           &is_sent, err);
        if (rc || !is_sent) continue;
        buf_reset(json);
        notice_write(notice, labels, json);
        if (json->failed)
            return err_set(err, ERR_LIMIT, "the alert is larger than %zu bytes", MESSAGE_MAX_BYTES);
        struct message *message = message_create(buf_view(json));
        push_to_set(n, set, message);
        message_unref(message);
    }
    return rc;
}

void notifier_send(void *notifier, const struct alert_notice *notices, size_t count) {
    struct notifier *n = notifier;
    struct buf json;
    buf_init(&json, MESSAGE_MAX_BYTES);
    mutex_lock(&n->lock);
    for (size_t i = 0; i < count && n->config && !n->is_stopping; i++) {
        struct arena arena;
        struct err err = {0};
        arena_init(&arena, MESSAGE_MAX_BYTES, NULL);
        if (push_notice(n, &notices[i], &arena, &json, &err))
            LOG(LOG_ERROR, "an alert cannot be sent", "err", err.text);
        arena_release(&arena);
    }
    mutex_unlock(&n->lock);
    buf_release(&json);
    loop_post(n->loop, on_news, n);
}

void notifier_list(struct notifier *n, bool dropped, void (*each)(void *context, const char *url),
                   void *context) {
    mutex_lock(&n->lock);
    for (size_t i = 0; !dropped && i < n->managers.count; i++) each(context, n->managers.items[i]->url);
    for (size_t i = 0; dropped && i < n->dropped.count; i++) each(context, n->dropped.items[i]);
    mutex_unlock(&n->lock);
}

/* ---- life ---- */

static void *run(void *context) {
    struct notifier *n = context;
    loop_run(n->loop);
    for (size_t i = 0; i < n->managers.count; i++) manager_destroy(n->managers.items[i]);
    n->managers.count = 0;
    http_client_destroy(n->client);
    return NULL;
}

int notifier_create(const struct notifier_options *options, struct registry *registry,
                    struct notifier **notifier, struct err *err) {
    struct notifier *n = mem_zalloc(sizeof *n);
    struct notifier_options *own = &n->options;
    *own = *options;
    n->registry = registry;
    if (!own->queue_capacity) own->queue_capacity = 10000;
    if (!own->batch_size) own->batch_size = 256;
    if (!own->drain_ms) own->drain_ms = 10000;
    if (!own->backoff_ms) own->backoff_ms = 1000;
    if (!own->backoff_max_ms) own->backoff_max_ms = 30000;
    int rc = loop_create(&n->loop, err);
    if (!rc) rc = http_client_create(n->loop, &n->client, err);
    if (rc) {
        loop_destroy(n->loop);
        mem_free(n);
        return rc;
    }
    mutex_init(&n->lock);
    condition_init(&n->idle);
    n->discovered = registry_gauge(registry, "prometheus_notifications_alertmanagers_discovered",
                                   "The number of alertmanagers discovered and active.", NULL);
    gauge_set(registry_gauge(registry, "prometheus_notifications_queue_capacity",
                             "The capacity of the alert notifications queue.", NULL),
              (double)own->queue_capacity);
    thread_start(&n->thread, "notify", run, n);
    *notifier = n;
    return 0;
}

/* all sent, or those that are left fail anyway */
static bool is_drained(const struct notifier *n) {
    for (size_t i = 0; i < n->managers.count; i++)
        if (n->managers.items[i]->queue.count && !n->managers.items[i]->backoff_ms) return false;
    return true;
}

void notifier_stop(struct notifier *n) {
    if (!n || n->is_stopped) return;
    int64_t until_ms = clock_monotonic_ms() + n->options.drain_ms;
    mutex_lock(&n->lock);
    n->is_stopping = true;
    while (n->options.drain && !is_drained(n)) {
        int64_t left_ms = until_ms - clock_monotonic_ms();
        if (left_ms <= 0 || !condition_wait_ms(&n->idle, &n->lock, left_ms)) break;
    }
    n->is_stopped = true;
    mutex_unlock(&n->lock);
    loop_stop(n->loop);
    thread_join(&n->thread);
}

void notifier_destroy(struct notifier *n) {
    if (!n) return;
    notifier_stop(n);
    loop_destroy(n->loop);
    for (size_t i = 0; i < n->set_count; i++) target_groups_unref(n->groups[i]);
    mem_free(n->groups);
    forget_dropped(n);
    vec_release(&n->dropped);
    vec_release(&n->managers);
    config_unref(n->config);
    condition_release(&n->idle);
    mutex_release(&n->lock);
    mem_free(n);
}
