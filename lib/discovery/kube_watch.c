#include "lib/discovery/kube_watch.h"

#include "lib/codec/json_read.h"
#include "lib/discovery/fetch.h"
#include "lib/sys/clock.h"
#include "lib/sys/timer.h"

#include <stdio.h>
#include <stdlib.h>

#define PAGE "500"
#define LIST_TIMEOUT_MS 60000
#define WATCH_SECONDS 300 /* and up to as many again, so that not all watches end together */
#define WATCH_SLACK_MS 30000
#define MAX_BACKOFF_MS 30000
#define BODY_MAX_BYTES ((size_t)128 << 20)
#define EVENT_MAX_BYTES ((size_t)16 << 20)
#define TREE_MAX_BYTES ((size_t)512 << 20)
#define URL_MAX_BYTES ((size_t)64 << 10)

struct kube_watch {
    const struct provider_shared *shared;
    char *url, *label_selector, *field_selector;
    const struct kube_watch_events *events;
    void *context;
    struct fetch fetch;
    struct loop_timer *timer;
    struct buf line;      /* an event that has not come in full */
    char *version, *page; /* resourceVersion of what we know, NULL: list first; continue of a list */
    uint64_t generation;
    int64_t backoff_ms, min_backoff_ms, begin_ms;
    bool has_event;
    struct err event_err; /* code 0: no event of this watch was an error */
};

static void replace(char **text, struct span value) {
    mem_free(*text);
    *text = value.len ? mem_strndup(value.ptr, value.len) : NULL;
}

/* ---- planning ---- */

static void plan(struct kube_watch *watch, int64_t delay_ms) {
    loop_timer_set(watch->timer, delay_ms);
}

static void fail(struct kube_watch *watch, const struct err *err) {
    watch->events->failed(watch, err, watch->context);
    plan(watch, watch->backoff_ms);
    watch->backoff_ms = watch->backoff_ms * 2 < MAX_BACKOFF_MS ? watch->backoff_ms * 2 : MAX_BACKOFF_MS;
}

static void list_anew(struct kube_watch *watch) {
    replace(&watch->version, span_from(NULL));
    replace(&watch->page, span_from(NULL));
}

/* ---- a list ---- */

static void take_items(struct kube_watch *watch, const struct ynode *root) {
    const struct ynode *items = ynode_at(root, "items"), *item;
    for (uint32_t i = 0; (item = ynode_item(items, i)); i++)
        watch->events->put(watch, item, watch->generation, watch->context);
}

static int take_page(struct kube_watch *watch, struct span body, struct err *err) {
    struct arena arena;
    struct ymark where;
    const struct ynode *root;
    arena_init(&arena, TREE_MAX_BYTES, NULL);
    int rc = json_read(body, &arena, &root, &where, err);
    struct span version = rc ? span_from(NULL) : ynode_text_at(root, "metadata.resourceVersion");
    if (!rc && !version.len) rc = err_set(err, ERR_INVALID, "a list without resourceVersion");
    if (!rc) {
        take_items(watch, root);
        replace(&watch->page, ynode_text_at(root, "metadata.continue"));
        if (!watch->page) {
            replace(&watch->version, version);
            watch->events->listed(watch, watch->generation, watch->context);
        }
    }
    arena_release(&arena);
    return rc;
}

static void on_list(struct http_request *request, const struct http_response *response, void *context) {
    struct kube_watch *watch = context;
    struct err err = {0};
    (void)request;
    int rc = fetch_judge(response, &err);
    if (!rc) rc = take_page(watch, response->body, &err);
    if (rc) {
        err_wrap(&err, rc, "list %s", watch->url);
        list_anew(watch); /* also when a page's token is too old */
        fail(watch, &err);
        return;
    }
    watch->backoff_ms = watch->min_backoff_ms;
    plan(watch, 0);
}

/* ---- a watch ---- */

static int take_error(struct kube_watch *watch, const struct ynode *status) {
    struct span message = ynode_text_at(status, "message");
    bool is_gone = span_is(ynode_text_at(status, "code"), "410");
    list_anew(watch);
    return err_set(&watch->event_err, is_gone ? ERR_NOT_FOUND : ERR_IO, "%.*s",
                   (int)(message.len < 200 ? message.len : 200), message.ptr ? message.ptr : "");
}

static int take_event(struct kube_watch *watch, const struct ynode *root) {
    struct span type = ynode_text_at(root, "type");
    const struct ynode *object = ynode_at(root, "object");
    if (span_is(type, "ERROR")) return take_error(watch, object);
    if (span_is(type, "ADDED") || span_is(type, "MODIFIED"))
        watch->events->put(watch, object, watch->generation, watch->context);
    else if (span_is(type, "DELETED"))
        watch->events->removed(watch, object, watch->context);
    struct span version = ynode_text_at(object, "metadata.resourceVersion");
    if (version.len) replace(&watch->version, version);
    watch->has_event = true;
    return 0;
}

static bool take_line(struct kube_watch *watch, struct span line) {
    struct arena arena;
    struct ymark where;
    const struct ynode *root;
    if (!span_trim(line).len) return true;
    arena_init(&arena, TREE_MAX_BYTES, NULL);
    int rc = json_read(line, &arena, &root, &where, &watch->event_err);
    if (rc)
        list_anew(watch); /* what it said is lost */
    else
        rc = take_event(watch, root);
    arena_release(&arena);
    return rc == 0;
}

/* events end with a line end and come in pieces of any length */
static bool on_piece(struct span piece, void *context) {
    struct kube_watch *watch = context;
    while (piece.len) {
        size_t end = span_find_byte(piece, '\n', 0);
        if (!buf_append(&watch->line, piece.ptr, end)) {
            err_set(&watch->event_err, ERR_LIMIT, "an event of more than %zu bytes", EVENT_MAX_BYTES);
            list_anew(watch);
            return false;
        }
        if (end == piece.len) return true;
        bool goes_on = take_line(watch, buf_view(&watch->line));
        buf_reset(&watch->line);
        if (!goes_on) return false;
        piece = span_of(piece.ptr + end + 1, piece.len - end - 1);
    }
    return true;
}

static int judge_watch(struct kube_watch *watch, const struct http_response *response, struct err *err) {
    if (watch->event_err.code) {
        *err = watch->event_err;
        return err->code;
    }
    int rc = fetch_judge(response, err);
    if (rc == ERR_TIMEOUT) return 0; /* the server has not ended it in time: go on */
    bool is_refused = !response->rc && response->status != 200;
    if (is_refused && response->status < 500 && response->status != 429) list_anew(watch);
    if (is_refused && response->status == 410) err->code = rc = ERR_NOT_FOUND;
    return rc;
}

static void on_watch(struct http_request *request, const struct http_response *response, void *context) {
    struct kube_watch *watch = context;
    struct err err = {0};
    (void)request;
    int rc = judge_watch(watch, response, &err);
    buf_release(&watch->line);
    if (watch->has_event) watch->backoff_ms = watch->min_backoff_ms;
    if (rc == ERR_NOT_FOUND) { /* the version is too old, as happens after a pause: no failure */
        plan(watch, watch->has_event ? 0 : watch->min_backoff_ms);
    } else if (rc) {
        err_wrap(&err, rc, "watch %s", watch->url);
        fail(watch, &err);
    } else { /* ended by the server; one that ends at once each time is not asked in a circle */
        bool was_short = clock_monotonic_ms() - watch->begin_ms < watch->min_backoff_ms;
        plan(watch, was_short ? watch->min_backoff_ms : 0);
    }
}

/* ---- asking ---- */

static void put_watch_query(struct kube_watch *watch, struct buf *url, int64_t *timeout_ms) {
    int64_t seconds = WATCH_SECONDS + random() % WATCH_SECONDS;
    char text[32];
    *timeout_ms = seconds * 1000 + WATCH_SLACK_MS;
    snprintf(text, sizeof text, "%lld", (long long)seconds);
    url_put_query(url, "watch", SPAN("1"));
    url_put_query(url, "allowWatchBookmarks", SPAN("true"));
    url_put_query(url, "resourceVersion", span_from(watch->version));
    url_put_query(url, "timeoutSeconds", span_from(text));
}

static void ask(void *context) {
    struct kube_watch *watch = context;
    struct buf url;
    struct err err = {0};
    bool is_watch = watch->version != NULL;
    struct http_request_options options = {.user_agent = watch->shared->options->user_agent,
                                           .timeout_ms = LIST_TIMEOUT_MS,
                                           .max_body_bytes = BODY_MAX_BYTES,
                                           .accept_gzip = !is_watch,
                                           .on_body = is_watch ? on_piece : NULL};
    const char *const headers[] = {"Accept: application/json", NULL};
    options.headers = headers;
    buf_init(&url, URL_MAX_BYTES);
    buf_puts(&url, watch->url);
    url_put_query(&url, "labelSelector", span_from(watch->label_selector));
    url_put_query(&url, "fieldSelector", span_from(watch->field_selector));
    if (is_watch) {
        put_watch_query(watch, &url, &options.timeout_ms);
        buf_init(&watch->line, EVENT_MAX_BYTES);
        watch->event_err = (struct err){0};
        watch->has_event = false;
    } else {
        if (!watch->page) watch->generation++;
        url_put_query(&url, "limit", SPAN(PAGE));
        url_put_query(&url, "continue", span_from(watch->page));
    }
    options.url = buf_text(&url);
    watch->begin_ms = clock_monotonic_ms();
    int rc = fetch_start(&watch->fetch, watch->events->client_config(watch->context), &options,
                         is_watch ? on_watch : on_list, watch, &err);
    buf_release(&url);
    if (rc) fail(watch, &err);
}

static char *copy_or_null(const char *text) {
    return text ? mem_strdup(text) : NULL;
}

struct kube_watch *kube_watch_create(const struct provider_shared *shared,
                                     const struct kube_watch_options *options,
                                     const struct kube_watch_events *events, void *context) {
    struct kube_watch *watch = mem_zalloc(sizeof *watch);
    *watch = (struct kube_watch){.shared = shared,
                                 .url = mem_strdup(options->url),
                                 .label_selector = copy_or_null(options->label_selector),
                                 .field_selector = copy_or_null(options->field_selector),
                                 .events = events,
                                 .context = context,
                                 .fetch = {.client = shared->client},
                                 .backoff_ms = options->min_backoff_ms,
                                 .min_backoff_ms = options->min_backoff_ms};
    watch->timer = loop_timer_create(shared->loop, ask, watch);
    plan(watch, 0);
    return watch;
}

void kube_watch_destroy(struct kube_watch *watch) {
    if (!watch) return;
    fetch_stop(&watch->fetch);
    loop_timer_destroy(watch->timer);
    buf_release(&watch->line);
    mem_free(watch->url);
    mem_free(watch->label_selector);
    mem_free(watch->field_selector);
    mem_free(watch->version);
    mem_free(watch->page);
    mem_free(watch);
}
