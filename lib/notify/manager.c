#include "lib/base/log.h"
#include "lib/base/mem.h"
#include "lib/codec/url.h"
#include "lib/http/from_config.h"
#include "lib/notify/inside.h"
#include "lib/sys/clock.h"

/*
 * One Alertmanager: a batch at a time, from its queue.
 */

#define ANSWER_MAX_BYTES ((size_t)1 << 20)

static void on_timer(void *context) {
    manager_kick(context);
}

struct manager *manager_create(struct notifier *n, const char *url, size_t set) {
    struct manager *m = mem_zalloc(sizeof *m);
    const char *labels[] = {"alertmanager", url, NULL};
    struct registry *r = n->registry;
    *m = (struct manager){.notifier = n, .url = mem_strdup(url), .set = set};
    queue_init(&m->queue, n->options.queue_capacity);
    buf_init(&m->body, NOTIFY_MAX_BODY);
    m->timer = loop_timer_create(n->loop, on_timer, m);
    m->sent =
        registry_counter(r, "prometheus_notifications_sent_total", "Total number of alerts sent.", labels);
    m->errors = registry_counter(r, "prometheus_notifications_errors_total",
                                 "Total number of sent alerts affected by errors.", labels);
    m->dropped = registry_counter(
        r, "prometheus_notifications_dropped_total",
        "Total number of alerts dropped due to errors when sending to Alertmanager.", labels);
    m->length = registry_gauge(r, "prometheus_notifications_queue_length",
                               "The number of alert notifications in the queue.", labels);
    m->latency = registry_summary(r, "prometheus_notifications_latency_seconds",
                                  "Latency quantiles for sending alert notifications.", labels);
    return m;
}

void manager_destroy(struct manager *m) {
    http_request_destroy(m->request);
    loop_timer_destroy(m->timer);
    if (m->queue.count) counter_add(m->dropped, (double)m->queue.count);
    gauge_set(m->length, 0);
    queue_release(&m->queue);
    buf_release(&m->body);
    mem_free(m->url);
    mem_free(m);
}

static void log_failure(const struct manager *m, size_t count, const char *why) {
    struct buf url;
    buf_init(&url, 1 << 16);
    url_write_redacted(span_from(m->url), &url);
    LOG(LOG_ERROR, "error sending alerts", "alertmanager", buf_text(&url), "count", log_text("%zu", count),
        "err", why);
    buf_release(&url);
}

/* the batch stays and is tried later, unless we are stopping */
static void fail(struct manager *m, const char *why) {
    struct notifier *n = m->notifier;
    counter_add(m->errors, (double)m->queue.under_way);
    log_failure(m, m->queue.under_way, why);
    m->backoff_ms = m->backoff_ms ? 2 * m->backoff_ms : n->options.backoff_ms;
    if (m->backoff_ms > n->options.backoff_max_ms) m->backoff_ms = n->options.backoff_max_ms;
    loop_timer_set(m->timer, m->backoff_ms);
}

static void on_answer(struct http_request *request, const struct http_response *response, void *context) {
    struct manager *m = context;
    struct notifier *n = m->notifier;
    (void)request;
    summary_observe(m->latency, (double)(clock_monotonic_ns() - m->started_ns) * 1e-9);
    mutex_lock(&n->lock);
    m->is_sending = false;
    bool is_refused = response->rc == 0 && response->status / 100 == 4 && response->status != 429 &&
                      response->status != 408;
    if (response->rc == 0 && response->status / 100 == 2) {
        counter_add(m->sent, (double)m->queue.under_way);
        m->backoff_ms = 0;
        queue_pop(&m->queue);
    } else if (is_refused) {
        counter_add(m->errors, (double)m->queue.under_way);
        counter_add(m->dropped, (double)m->queue.under_way);
        log_failure(m, m->queue.under_way, log_text("bad response status %ld", response->status));
        queue_pop(&m->queue);
    } else {
        fail(m, response->rc ? response->err.text : log_text("bad response status %ld", response->status));
    }
    gauge_set(m->length, (double)m->queue.count);
    condition_broadcast(&n->idle);
    mutex_unlock(&n->lock);
    manager_kick(m);
}

void manager_configure(struct manager *m, const struct alertmanager_config *config) {
    static const char *const headers[] = {"Content-Type: application/json", NULL};
    struct http_request_options options = {.url = m->url,
                                           .headers = headers,
                                           .user_agent = "Ferula/" FERULA_VERSION,
                                           .is_post = true,
                                           .timeout_ms = config->timeout_ms,
                                           .max_body_bytes = ANSWER_MAX_BYTES};
    struct arena arena;
    struct err err = {0};
    http_request_destroy(m->request);
    m->request = NULL;
    m->is_sending = false;
    arena_init(&arena, NOTIFY_MAX_BODY, NULL);
    int rc = http_options_from_config(&config->http, &arena, &options, &err);
    if (!rc) rc = http_request_create(m->notifier->client, &options, on_answer, m, &m->request, &err);
    arena_release(&arena);
    if (rc) LOG(LOG_ERROR, "an Alertmanager cannot be used", "err", err.text);
}

void manager_kick(struct manager *m) {
    struct notifier *n = m->notifier;
    bool starts = false;
    mutex_lock(&n->lock);
    if (m->request && !m->is_sending && m->queue.count && !loop_timer_is_set(m->timer)) {
        buf_reset(&m->body);
        queue_write(&m->queue, n->options.batch_size, &m->body);
        starts = m->is_sending = !m->body.failed;
        if (m->body.failed) { /* too large for anybody */
            counter_add(m->dropped, (double)m->queue.under_way);
            queue_pop(&m->queue);
        }
    }
    mutex_unlock(&n->lock);
    if (!starts) return;
    m->started_ns = clock_monotonic_ns();
    http_request_set_body(m->request, buf_view(&m->body));
    http_request_start(m->request);
}
