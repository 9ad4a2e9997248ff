#include "lib/discovery/resolver.h"

#include "lib/base/buf.h"
#include "lib/base/mem.h"
#include "lib/sys/loop.h"
#include "lib/sys/timer.h"

#include <ares.h>
#include <pthread.h>
#include <stdio.h>
#include <uv.h>

#define TIMEOUT_MS 5000 /* the first try's, as resolv.conf's default */
#define TRIES 2
#define NAME_MAX_BYTES 1024
#define SERVERS_MAX_BYTES ((size_t)16 << 10)
#define CLASS_IN 1

struct watched { /* freed when libuv has closed it */
    uv_poll_t poll;
    ares_socket_t socket;
    struct resolver *resolver;
    struct watched *next;
};

struct resolver {
    struct loop *loop;
    ares_channel channel;
    struct loop_timer *timer; /* of c-ares' own timeouts */
    struct watched *watched;  /* its open sockets */
    char **search;
    int search_count, ndots;
};

/* a question and the names it is asked for, one after the other */
struct question {
    struct resolver *resolver;
    char *name;
    int type, step, step_count; /* names tried, names in all */
    int failure;                /* of c-ares: a server's, not "no such name"; 0: none */
    resolver_done *done;
    void *context;
};

/* ---- c-ares' sockets and timeouts on the loop ---- */

static void set_timer(struct resolver *resolver) {
    struct timeval wait;
    struct timeval *next = ares_timeout(resolver->channel, NULL, &wait);
    if (next)
        loop_timer_set(resolver->timer, next->tv_sec * 1000 + next->tv_usec / 1000 + 1);
    else
        loop_timer_cancel(resolver->timer);
}

static void on_timer(void *context) {
    struct resolver *resolver = context;
    ares_process_fd(resolver->channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
    set_timer(resolver);
}

static void on_ready(uv_poll_t *poll, int status, int events) {
    struct watched *watched = poll->data;
    struct resolver *resolver = watched->resolver;
    ares_socket_t socket = watched->socket; /* watched may go in the call */
    bool is_readable = status < 0 || (events & UV_READABLE),
         is_writable = status < 0 || (events & UV_WRITABLE);
    ares_process_fd(resolver->channel, is_readable ? socket : ARES_SOCKET_BAD,
                    is_writable ? socket : ARES_SOCKET_BAD);
    set_timer(resolver);
}

static void on_closed(uv_handle_t *handle) {
    mem_free(handle->data);
}

static void unwatch(struct resolver *resolver, struct watched *watched) {
    struct watched **link = &resolver->watched;
    while (*link != watched) link = &(*link)->next;
    *link = watched->next;
    uv_poll_stop(&watched->poll);
    uv_close((uv_handle_t *)&watched->poll, on_closed);
}

static struct watched *watch(struct resolver *resolver, ares_socket_t socket) {
    struct watched *watched = mem_zalloc(sizeof *watched);
    watched->socket = socket;
    watched->resolver = resolver;
    if (uv_poll_init_socket(loop_uv(resolver->loop), &watched->poll, socket) != 0) {
        mem_free(watched); /* the query runs into its timeout */
        return NULL;
    }
    watched->poll.data = watched;
    watched->next = resolver->watched;
    resolver->watched = watched;
    return watched;
}

static void on_socket(void *context, ares_socket_t socket, int readable, int writable) {
    struct resolver *resolver = context;
    struct watched *watched = resolver->watched;
    while (watched && watched->socket != socket) watched = watched->next;
    if (!readable && !writable) {
        if (watched) unwatch(resolver, watched);
        return;
    }
    if (!watched && !(watched = watch(resolver, socket))) return;
    uv_poll_start(&watched->poll, (readable ? UV_READABLE : 0) | (writable ? UV_WRITABLE : 0), on_ready);
}

/* ---- a resolver ---- */

static void init_library(void) {
    ares_library_init(ARES_LIB_INIT_ALL);
}

static void read_search(struct resolver *resolver) {
    struct ares_options saved;
    int mask;
    if (ares_save_options(resolver->channel, &saved, &mask) != ARES_SUCCESS) return;
    resolver->ndots = saved.ndots;
    resolver->search_count = saved.ndomains;
    resolver->search = saved.ndomains ? mem_array((size_t)saved.ndomains, sizeof *resolver->search) : NULL;
    for (int i = 0; i < saved.ndomains; i++) resolver->search[i] = mem_strdup(saved.domains[i]);
    ares_destroy_options(&saved);
}

static int set_servers(struct resolver *resolver, const char *const *servers, size_t count, struct err *err) {
    struct buf list;
    if (!count) return 0;
    buf_init(&list, SERVERS_MAX_BYTES);
    for (size_t i = 0; i < count; i++) buf_printf(&list, "%s%s", i ? "," : "", servers[i]);
    int rc = ares_set_servers_ports_csv(resolver->channel, buf_text(&list));
    if (rc != ARES_SUCCESS)
        rc = err_set(err, ERR_INVALID, "the name servers \"%s\": %s", buf_text(&list), ares_strerror(rc));
    buf_release(&list);
    return rc;
}

int resolver_create(struct loop *loop, const char *const *servers, size_t server_count,
                    struct resolver **result, struct err *err) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, init_library);
    struct resolver *resolver = mem_zalloc(sizeof *resolver);
    resolver->loop = loop;
    struct ares_options options = {.flags = ARES_FLAG_EDNS | ARES_FLAG_NOSEARCH | ARES_FLAG_NOALIASES,
                                   .timeout = TIMEOUT_MS,
                                   .tries = TRIES,
                                   .ednspsz = 4096,
                                   .sock_state_cb = on_socket,
                                   .sock_state_cb_data = resolver};
    int mask =
        ARES_OPT_FLAGS | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_EDNSPSZ | ARES_OPT_SOCK_STATE_CB;
    int rc = ares_init_options(&resolver->channel, &options, mask);
    if (rc != ARES_SUCCESS) {
        mem_free(resolver);
        return err_set(err, ERR_IO, "could not load /etc/resolv.conf: %s", ares_strerror(rc));
    }
    resolver->timer = loop_timer_create(loop, on_timer, resolver);
    read_search(resolver);
    rc = set_servers(resolver, servers, server_count, err);
    if (rc)
        resolver_destroy(resolver);
    else
        *result = resolver;
    return rc;
}

void resolver_destroy(struct resolver *resolver) {
    if (!resolver) return;
    ares_destroy(resolver->channel); /* ends its questions and closes its sockets */
    loop_timer_destroy(resolver->timer);
    for (int i = 0; i < resolver->search_count; i++) mem_free(resolver->search[i]);
    mem_free(resolver->search);
    mem_free(resolver);
}

/* ---- a question ---- */

static size_t count_dots(struct span name) {
    size_t dots = 0;
    for (size_t i = 0; i < name.len; i++) dots += name.ptr[i] == '.';
    return dots;
}

/* the step-th name: itself alone when it ends with a dot; with enough dots itself first, else last */
static void put_name(const struct question *q, struct buf *out) {
    struct span name = span_from(q->name);
    bool is_first = count_dots(name) >= (size_t)q->resolver->ndots;
    int domain = q->step - (is_first ? 1 : 0);
    bool is_itself = q->step_count == 1 || (is_first ? q->step == 0 : q->step == q->step_count - 1);
    buf_span(out, name);
    if (!is_itself) buf_printf(out, ".%s", q->resolver->search[domain]);
}

static void finish(struct question *q, int rc, struct span message, const struct err *err) {
    q->done(rc, message, err, q->context);
    mem_free(q->name);
    mem_free(q);
}

static void ask_next(struct question *q);

static void on_answer(void *context, int status, int timeouts, unsigned char *bytes, int len) {
    struct question *q = context;
    (void)timeouts;
    if (status == ARES_EDESTRUCTION) {
        struct err err;
        finish(q, err_set(&err, ERR_CANCELED, "the resolver is closed"), span_of(NULL, 0), &err);
        return;
    }
    if (status == ARES_SUCCESS || status == ARES_ENODATA) {
        struct err err = {0};
        finish(q, 0, span_of((const char *)bytes, status == ARES_SUCCESS ? (size_t)len : 0), &err);
        return;
    }
    if (status != ARES_ENOTFOUND) q->failure = status;
    q->step++;
    ask_next(q);
}

static void ask_next(struct question *q) {
    struct err err = {0};
    struct buf name;
    if (q->step == q->step_count) {
        int rc = !q->failure ? 0
                             : err_set(&err, ERR_IO, "could not resolve \"%s\": %s", q->name,
                                       ares_strerror(q->failure));
        finish(q, rc, span_of(NULL, 0), &err);
        return;
    }
    buf_init(&name, NAME_MAX_BYTES);
    put_name(q, &name);
    ares_query(q->resolver->channel, buf_text(&name), CLASS_IN, q->type, on_answer, q);
    buf_release(&name);
}

void resolver_ask(struct resolver *resolver, const char *name, int type, resolver_done *done, void *context) {
    struct question *q = mem_zalloc(sizeof *q);
    bool is_whole = span_ends_with(span_from(name), SPAN("."));
    *q = (struct question){.resolver = resolver,
                           .name = mem_strdup(name),
                           .type = type,
                           .step_count = is_whole ? 1 : 1 + resolver->search_count,
                           .done = done,
                           .context = context};
    ask_next(q);
    set_timer(resolver);
}
