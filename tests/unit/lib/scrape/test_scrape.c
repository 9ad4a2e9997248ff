/* Scraping a real socket: a small server thread answers what a test put into `page`; a fake appender keeps
 * the rows. */
#include "lib/base/vec.h"
#include "lib/config/config.h"
#include "lib/model/sample.h"
#include "lib/scrape/scrape.h"
#include "lib/sys/clock.h"
#include "lib/sys/thread.h"
#include "tests/check_main.h"
#include "tests/unit/lib/scrape/static_groups.h"

#include <arpa/inet.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* ---- the target ---- */

static struct mutex page_lock;
static char page[16384], page_head[256], last_request[4096];
static int listen_fd, port;
static bool stop_server;

static void set_page(const char *head, const char *body) {
    mutex_lock(&page_lock);
    snprintf(page_head, sizeof page_head, "%s", head);
    snprintf(page, sizeof page, "%s", body);
    mutex_unlock(&page_lock);
}

static bool was_asked(const char *text) {
    mutex_lock(&page_lock);
    bool was = strstr(last_request, text) != NULL;
    mutex_unlock(&page_lock);
    return was;
}

static void answer(int fd) {
    char request[4096], reply[20000];
    ssize_t got = read(fd, request, sizeof request - 1);
    if (got <= 0) return;
    request[got] = '\0';
    mutex_lock(&page_lock);
    snprintf(last_request, sizeof last_request, "%s", request);
    int len =
        snprintf(reply, sizeof reply, "HTTP/1.1 %s\r\nContent-Length: %zu\r\nConnection: close\r\n\r\n%s",
                 page_head, strlen(page), page);
    mutex_unlock(&page_lock);
    ck_assert_int_eq(write(fd, reply, (size_t)len), len);
}

static void *serve(void *context) {
    (void)context;
    while (!__atomic_load_n(&stop_server, __ATOMIC_ACQUIRE)) {
        struct pollfd ready = {listen_fd, POLLIN, 0};
        if (poll(&ready, 1, 20) <= 0) continue;
        int fd = accept(listen_fd, NULL, NULL);
        answer(fd);
        close(fd);
    }
    return NULL;
}

static void start_server(struct thread *thread) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof address;
    mutex_init(&page_lock);
    listen_fd = socket(AF_INET, SOCK_STREAM, 0);
    ck_assert_int_eq(bind(listen_fd, (struct sockaddr *)&address, sizeof address), 0);
    ck_assert_int_eq(listen(listen_fd, 16), 0);
    getsockname(listen_fd, (struct sockaddr *)&address, &len);
    port = ntohs(address.sin_port);
    stop_server = false;
    thread_start(thread, "target", serve, NULL);
}

static void end_server(struct thread *thread) {
    __atomic_store_n(&stop_server, true, __ATOMIC_RELEASE);
    thread_join(thread);
    close(listen_fd);
    mutex_release(&page_lock);
}

/* ---- the store ---- */

struct kept {
    char *series;
    double value;
    int64_t time_ms;
};

static struct fake {
    struct appender appender;
    struct mutex lock;
    VEC(char *) series;
    VEC(struct kept) rows;
    uint32_t generation; /* of all series */
    size_t holds, lost;  /* lost: rows of series that had left */
} fake;

static int fake_resolve(struct appender *appender, const struct labels *sets, size_t count,
                        struct series_ref *refs, bool *created, struct err *err) {
    (void)appender, (void)created, (void)err;
    mutex_lock(&fake.lock);
    for (size_t i = 0; i < count; i++) {
        struct buf text;
        buf_init(&text, 4096);
        labels_write(sets[i], &text);
        *vec_push(&fake.series) = mem_strdup(buf_text(&text));
        refs[i] = (struct series_ref){(uint32_t)fake.series.count - 1, fake.generation};
        buf_release(&text);
    }
    mutex_unlock(&fake.lock);
    return 0;
}

static void fake_append(struct appender *appender, struct append_batch *batch) {
    (void)appender;
    mutex_lock(&fake.lock);
    batch->results = mem_array(batch->count + 1, 1);
    for (size_t i = 0; i < batch->count; i++) fake.lost += batch->refs[i].generation != fake.generation;
    for (size_t i = 0; i < batch->count; i++)
        *vec_push(&fake.rows) = (struct kept){fake.series.items[batch->refs[i].slot], batch->values[i],
                                              batch->times_ms ? batch->times_ms[i] : batch->time_ms};
    mutex_unlock(&fake.lock);
    batch->done(batch);
}

static struct append_hold fake_hold(struct appender *appender) {
    (void)appender;
    mutex_lock(&fake.lock);
    fake.holds++;
    struct append_hold hold = {.announced = fake.generation - 1};
    mutex_unlock(&fake.lock);
    return hold;
}

static void fake_let_go(struct appender *appender, struct append_hold hold) {
    (void)appender, (void)hold;
    mutex_lock(&fake.lock);
    fake.holds--;
    mutex_unlock(&fake.lock);
}

static void fake_confirm(struct appender *appender, struct series_ref *refs, size_t count) {
    (void)appender;
    for (size_t i = 0; i < count; i++)
        if (refs[i].generation != fake.generation) refs[i] = (struct series_ref){0};
}

static const struct appender_ops fake_ops = {.resolve = fake_resolve,
                                             .append = fake_append,
                                             .hold = fake_hold,
                                             .let_go = fake_let_go,
                                             .confirm = fake_confirm};

/* all series, when nobody holds them */
static void let_all_go(void) {
    for (bool is_over = false; !is_over;) {
        mutex_lock(&fake.lock);
        is_over = !fake.holds;
        fake.generation += is_over;
        mutex_unlock(&fake.lock);
    }
}

/* how often the series was stored with this value (stale compares by bits) */
static size_t times_stored(const char *series, double value) {
    size_t count = 0;
    mutex_lock(&fake.lock);
    for (size_t i = 0; i < fake.rows.count; i++)
        count += strcmp(fake.rows.items[i].series, series) == 0 &&
                 double_bits(fake.rows.items[i].value) == double_bits(value);
    mutex_unlock(&fake.lock);
    return count;
}

static void wait_stored(const char *series, double value) {
    int64_t until = clock_monotonic_ms() + 20000;
    while (!times_stored(series, value)) {
        ck_assert_msg(clock_monotonic_ms() < until, "%s never was %g", series, value);
        usleep(5000);
    }
}

static void forget_rows(void) {
    mutex_lock(&fake.lock);
    fake.rows.count = 0;
    mutex_unlock(&fake.lock);
}

static struct config *load(const char *options) {
    static const char form[] = "global: {scrape_interval: 100ms, scrape_timeout: 100ms}\nscrape_configs:\n- "
                               "job_name: j\n  static_configs:\n"
                               "  - {targets: ['127.0.0.1:%d'], labels: {zone: z}}\n%s";
    static struct config_errors errors;
    char text[2048];
    struct config *config = NULL;
    snprintf(text, sizeof text, form, port, options);
    int rc = config_load_text(span_from(text), "test.yml", &config, &errors);
    ck_assert_msg(rc == 0, "%s", errors.items[0].message);
    return config;
}

static const char *full(const char *name, const char *more) {
    static char ring[4][256];
    static int next;
    char *text = ring[next++ % 4];
    snprintf(text, sizeof ring[0], "%s{%sinstance=\"127.0.0.1:%d\", job=\"j\", zone=\"z\"}", name, more,
             port);
    return text;
}

#define OK_TEXT "200 OK\r\nContent-Type: text/plain; version=0.0.4"

START_TEST(a_target_is_scraped_and_what_vanishes_gets_a_marker) {
    struct thread thread;
    struct scrape_manager *manager;
    struct scrape_options options = {.loops = 1};
    struct arena arena;
    struct target_info *targets;
    size_t count;
    fake = (struct fake){.appender.ops = &fake_ops, .generation = 1};
    mutex_init(&fake.lock);
    start_server(&thread);
    set_page(OK_TEXT, "# HELP a Some help.\n# TYPE a counter\na 1\nb{job=\"x\"} 2\nt 3 1234\n");
    ck_assert_int_eq(scrape_manager_create(&fake.appender, NULL, &options, &manager, NULL), 0);
    struct config *config = load("");
    apply_static(manager, config);
    wait_stored(full("up", ""), 1);
    wait_stored(full("a", ""), 1);
    wait_stored(full("b", "exported_job=\"x\", "), 2);
    wait_stored(full("scrape_samples_scraped", ""), 3);
    wait_stored(full("scrape_series_added", ""), 0);
    ck_assert(was_asked("GET /metrics HTTP/1.1\r\n"));
    ck_assert(was_asked("Accept: "
                        "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,application/"
                        "openmetrics-text;version=0.0.1;"
                        "q=0.5,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,text/"
                        "plain;version=0.0.4;q=0.3,*/*;q=0.2\r\n"));
    ck_assert(was_asked("X-Prometheus-Scrape-Timeout-Seconds: 0.1\r\n"));
    ck_assert(was_asked("Accept-Encoding: gzip\r\n"));

    set_page(OK_TEXT, "a 1\n");
    wait_stored(full("b", "exported_job=\"x\", "), value_stale());
    ck_assert_uint_eq(times_stored(full("t", ""), value_stale()), 0); /* it had a time of its own */

    set_page(OK_TEXT, "a 1\nbroken\n");
    wait_stored(full("up", ""), 0);
    wait_stored(full("a", ""), value_stale());
    arena_init(&arena, 1 << 20, NULL);
    ck_assert_int_eq(scrape_manager_targets(manager, &arena, &targets, &count, NULL), 0);
    ck_assert_uint_eq(count, 1);
    ck_assert_int_eq(targets[0].health, TARGET_DOWN);
    ck_assert_msg(span_starts_with(targets[0].last_error, SPAN("line 2: expected a value")), "%.*s",
                  SPAN_ARG(targets[0].last_error));
    arena_release(&arena);

    forget_rows();
    set_page("500 Internal Server Error", "");
    wait_stored(full("up", ""), 0);
    set_page("200 OK\r\nContent-Type: text/html", "a 1\n");
    forget_rows();
    wait_stored(full("up", ""), 0);

    /* a reload that changes nothing keeps the target, one without it ends it */
    set_page(OK_TEXT, "a 7\n");
    wait_stored(full("a", ""), 7);
    struct config *again = load(""), *honoring = load("  honor_labels: true\n");
    apply_static(manager, again);
    forget_rows();
    wait_stored(full("a", ""), 7);
    ck_assert_uint_eq(times_stored(full("a", ""), value_stale()), 0);
    /* one that changes only how is asked keeps the series, and asks anew */
    struct config *asking = load("  enable_compression: false\n  basic_auth: {username: me}\n");
    size_t resolved = fake.series.count;
    scrape_manager_apply(manager, asking);
    set_page(OK_TEXT, "a 8\n");
    wait_stored(full("a", ""), 8);
    ck_assert_uint_eq(times_stored(full("a", ""), value_stale()), 0);
    ck_assert_uint_eq(times_stored(full("up", ""), value_stale()), 0);
    ck_assert_uint_eq(fake.series.count, resolved);
    set_page(OK_TEXT, "c{job=\"own\"} 9\n");
    apply_static(manager, honoring);
    wait_stored(full("up", ""), value_stale());
    char own[200];
    snprintf(own, sizeof own, "c{instance=\"127.0.0.1:%d\", job=\"own\", zone=\"z\"}", port);
    wait_stored(own, 9);

    scrape_manager_destroy(manager);
    config_unref(config);
    config_unref(again);
    config_unref(honoring);
    config_unref(asking);
    end_server(&thread);
    for (size_t i = 0; i < fake.series.count; i++) mem_free(fake.series.items[i]);
    vec_release(&fake.series);
    vec_release(&fake.rows);
    mutex_release(&fake.lock);
}
END_TEST

static struct scrape_manager *begin(struct thread *thread, const char *body) {
    struct scrape_options options = {.loops = 1};
    struct scrape_manager *manager;
    fake = (struct fake){.appender.ops = &fake_ops, .generation = 1};
    mutex_init(&fake.lock);
    start_server(thread);
    set_page(OK_TEXT, body);
    ck_assert_int_eq(scrape_manager_create(&fake.appender, NULL, &options, &manager, NULL), 0);
    return manager;
}

static void end(struct scrape_manager *manager, struct thread *thread) {
    scrape_manager_destroy(manager);
    end_server(thread);
    for (size_t i = 0; i < fake.series.count; i++) mem_free(fake.series.items[i]);
    vec_release(&fake.series);
    vec_release(&fake.rows);
    mutex_release(&fake.lock);
}

static void wait_last_error(struct scrape_manager *manager, const char *text) {
    int64_t until = clock_monotonic_ms() + 20000;
    for (bool same = false; !same; usleep(5000)) {
        struct arena arena;
        struct target_info *targets;
        size_t count;
        arena_init(&arena, 1 << 20, NULL);
        ck_assert_int_eq(scrape_manager_targets(manager, &arena, &targets, &count, NULL), 0);
        same = span_is(targets[0].last_error, text);
        ck_assert_msg(clock_monotonic_ms() < until, "%.*s", SPAN_ARG(targets[0].last_error));
        arena_release(&arena);
    }
}

START_TEST(series_that_left_since_the_last_scrape_are_resolved_again) {
    struct thread thread;
    struct scrape_manager *manager = begin(&thread, "a 1\nb 1\n");
    struct config *config = load("");
    apply_static(manager, config);
    wait_stored(full("b", ""), 1);
    let_all_go();
    set_page(OK_TEXT, "a 2\n");
    wait_stored(full("a", ""), 2);
    let_all_go();
    set_page(OK_TEXT, "a 3\n");
    wait_stored(full("a", ""), 3);
    end(manager, &thread);
    ck_assert_uint_eq(fake.lost, 0);
    ck_assert_uint_eq(fake.holds, 0);
    config_unref(config);
}
END_TEST

START_TEST(a_target_named_twice_is_one_target) {
    struct thread thread;
    struct scrape_manager *manager = begin(&thread, "a 1\n");
    struct arena arena;
    struct target_info *targets;
    size_t count;
    char twice[256];
    snprintf(twice, sizeof twice, "  - {targets: ['127.0.0.1:%d'], labels: {zone: z}}\n", port);
    struct config *config = load(twice);
    apply_static(manager, config);
    wait_stored(full("up", ""), 1);
    arena_init(&arena, 1 << 20, NULL);
    ck_assert_int_eq(scrape_manager_targets(manager, &arena, &targets, &count, NULL), 0);
    ck_assert_uint_eq(count, 1);
    arena_release(&arena);
    end(manager, &thread);
    config_unref(config);
}
END_TEST

START_TEST(a_scrape_over_a_limit_marks_nothing_that_was_never_stored) {
    struct thread thread;
    struct buf body;
    buf_init(&body, 1 << 20);
    for (int i = 0; i < 1200; i++) buf_printf(&body, "m%d 1\n", i);
    struct scrape_manager *manager = begin(&thread, buf_text(&body));
    buf_release(&body);
    struct config *config = load("  sample_limit: 1100\n  label_name_length_limit: 8\n");
    apply_static(manager, config);
    wait_stored(full("up", ""), 0);
    ck_assert_uint_eq(times_stored(full("m0", ""), value_stale()), 0);
    set_page(OK_TEXT, "b{long_name=\"x\"} 1");
    wait_last_error(
        manager, "label_name_length_limit exceeded (metric: b, label name: long_name, length: 9, limit: 8)");
    end(manager, &thread);
    config_unref(config);
}
END_TEST

START_TEST(labels_that_meet_are_moved_aside_and_parameters_follow_the_labels) {
    struct thread thread;
    struct scrape_manager *manager = begin(&thread, "a{abc=\"own\"} 5\n");
    char more[512];
    snprintf(
        more, sizeof more,
        "  - {targets: ['127.0.0.1:%d'], labels: {abc: t, exported_abc: e, __param_x: 'a b', __param_z: q}}\n"
        "  params: {x: [one, two], y: ['']}\n",
        port);
    struct config *config = load(more);
    apply_static(manager, config);
    char series[256];
    snprintf(series, sizeof series,
             "a{abc=\"t\", exported_abc=\"e\", exported_exported_abc=\"own\", instance=\"127.0.0.1:%d\", "
             "job=\"j\"}",
             port);
    wait_stored(series, 5);
    struct arena arena;
    struct target_info *targets;
    size_t count;
    arena_init(&arena, 1 << 20, NULL);
    ck_assert_int_eq(scrape_manager_targets(manager, &arena, &targets, &count, NULL), 0);
    ck_assert_uint_eq(count, 2);
    ck_assert(span_ends_with(targets[0].scrape_url, SPAN("/metrics?x=one&x=two&y=")));
    ck_assert(span_ends_with(targets[1].scrape_url, SPAN("/metrics?x=a+b&x=two&y=&z=q")));
    arena_release(&arena);
    end(manager, &thread);
    config_unref(config);
}
END_TEST

START_TEST(dropped_targets_are_counted_and_shown) {
    struct thread thread;
    struct scrape_manager *manager = begin(&thread, "a 1\n");
    struct arena arena;
    struct dropped_info *dropped;
    struct pool_info *pools;
    struct target_info *targets;
    size_t count;
    char options[512];
    snprintf(options, sizeof options,
             "  - {targets: ['x:1', 'y:1', 'z:1'], labels: {off: o}}\n"
             "  keep_dropped_targets: 2\n"
             "  relabel_configs: [{action: drop, source_labels: [off], regex: o}]\n");
    struct config *config = load(options), *all = load("");
    apply_static(manager, config);
    arena_init(&arena, 1 << 20, NULL);
    ck_assert_int_eq(scrape_manager_targets(manager, &arena, &targets, &count, NULL), 0);
    ck_assert_uint_eq(count, 1);
    ck_assert_int_eq(scrape_manager_dropped(manager, &arena, &dropped, &count, NULL), 0);
    ck_assert_uint_eq(count, 2);
    ck_assert(span_is(dropped[1].scrape_pool, "j"));
    ck_assert(span_is(labels_get(dropped[1].discovered_labels, SPAN("__address__")), "y:1"));
    ck_assert(span_is(labels_get(dropped[1].discovered_labels, SPAN("__scheme__")), "http"));
    ck_assert_int_eq(scrape_manager_pools(manager, &arena, &pools, &count, NULL), 0);
    ck_assert_uint_eq(count, 1);
    ck_assert_uint_eq(pools[0].dropped, 3);
    apply_static(manager, all);
    ck_assert_int_eq(scrape_manager_dropped(manager, &arena, &dropped, &count, NULL), 0);
    ck_assert_uint_eq(count, 0);
    arena_release(&arena);
    end(manager, &thread);
    config_unref(config);
    config_unref(all);
}
END_TEST

START_TEST(a_job_with_too_many_targets_fails_whole_until_it_has_fewer) {
    struct thread thread;
    struct scrape_manager *manager = begin(&thread, "a 1\n");
    char options[512];
    snprintf(options, sizeof options,
             "  - {targets: ['localhost:%d'], labels: {zone: z}}\n  target_limit: %%d\n", port);
    char one[512], two[512];
    snprintf(one, sizeof one, options, 1);
    snprintf(two, sizeof two, options, 2);
    struct config *within = load(two), *over = load(one);
    apply_static(manager, within);
    wait_stored(full("a", ""), 1);
    apply_static(manager, over); /* the same targets go on, and fail */
    wait_stored(full("up", ""), 0);
    wait_stored(full("a", ""), value_stale());
    wait_last_error(manager, "target_limit exceeded (number of targets: 2, limit: 1)");
    forget_rows();
    apply_static(manager, within);
    wait_stored(full("up", ""), 1);
    ck_assert_uint_eq(times_stored(full("up", ""), value_stale()), 0);
    end(manager, &thread);
    config_unref(within);
    config_unref(over);
}
END_TEST

START_TEST(a_target_keeps_the_interval_that_relabelling_gives_it) {
    struct thread thread;
    struct scrape_manager *manager = begin(&thread, "a 1\n");
    struct config *config = load("  scrape_interval: 1h\n  extra_scrape_metrics: true\n  relabel_configs:\n"
                                 "  - {target_label: __scrape_interval__, replacement: 100ms}\n"
                                 "  - {target_label: __scrape_timeout__, replacement: 90ms}\n");
    apply_static(manager, config);
    wait_stored(full("a", ""), 1);
    wait_stored(full("scrape_timeout_seconds", ""), 0.09);
    ck_assert(was_asked("X-Prometheus-Scrape-Timeout-Seconds: 0.09\r\n"));
    end(manager, &thread);
    config_unref(config);
}
END_TEST

/* connections are made, by the system; nobody answers */
static int listen_silently(void) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    ck_assert_int_eq(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    ck_assert_int_eq(listen(fd, 1000), 0);
    getsockname(fd, (struct sockaddr *)&address, &len);
    port = ntohs(address.sin_port);
    return fd;
}

static int64_t shortest_gap_ms(const char *series) {
    int64_t last = 0, shortest = INT64_MAX;
    mutex_lock(&fake.lock);
    for (size_t i = 0; i < fake.rows.count; i++) {
        const struct kept *row = &fake.rows.items[i];
        if (strcmp(row->series, series) != 0) continue;
        if (last && row->time_ms - last < shortest) shortest = row->time_ms - last;
        last = row->time_ms;
    }
    mutex_unlock(&fake.lock);
    return shortest;
}

START_TEST(a_target_that_hangs_until_its_next_tick_does_not_miss_that) {
    struct thread thread;
    struct scrape_manager *manager = begin(&thread, "");
    int silent = listen_silently();
    struct config *config = load("");
    apply_static(manager, config);
    wait_stored(full("up", ""), 0);
    int64_t until = clock_monotonic_ms() + 20000;
    while (shortest_gap_ms(full("up", "")) > 150) {
        ck_assert_msg(clock_monotonic_ms() < until, "every other tick is missed");
        usleep(5000);
    }
    end(manager, &thread);
    close(silent);
    config_unref(config);
}
END_TEST

/* what this process says; NULL: more than a scrape may be */
static void write_own(void *context, struct buf *out) {
    const char *text = atomic_load((_Atomic(const char *) *)context);
    out->failed = !text || !buf_puts(out, text);
}

START_TEST(a_source_takes_the_place_of_requests) {
    _Atomic(const char *) text = "own 1\nkept{job=\"x\"} 2\n";
    struct scrape_source source = {"text/plain; version=0.0.4", write_own, &text};
    struct thread thread;
    struct scrape_manager *asking = begin(&thread, "asked 1\n"), *manager;
    scrape_manager_destroy(asking);
    struct scrape_options options = {.loops = 1, .source = &source};
    ck_assert_int_eq(scrape_manager_create(&fake.appender, NULL, &options, &manager, NULL), 0);
    struct config *config = load("  honor_labels: true\n");
    apply_static(manager, config);
    wait_stored(full("own", ""), 1);
    char kept[200];
    snprintf(kept, sizeof kept, "kept{instance=\"127.0.0.1:%d\", job=\"x\", zone=\"z\"}", port);
    wait_stored(kept, 2);
    atomic_store(&text, "kept{job=\"x\"} 3\n");
    wait_stored(full("own", ""), value_stale());
    wait_stored(kept, 3);
    atomic_store(&text, NULL);
    wait_stored(full("up", ""), 0);
    wait_stored(kept, value_stale());
    ck_assert_uint_eq(times_stored(full("asked", ""), 1), 0);
    end(manager, &thread);
    config_unref(config);
}
END_TEST

CHECK_MAIN("scrape", a_source_takes_the_place_of_requests,
           series_that_left_since_the_last_scrape_are_resolved_again,
           a_target_is_scraped_and_what_vanishes_gets_a_marker, a_target_named_twice_is_one_target,
           a_scrape_over_a_limit_marks_nothing_that_was_never_stored,
           labels_that_meet_are_moved_aside_and_parameters_follow_the_labels,
           dropped_targets_are_counted_and_shown, a_job_with_too_many_targets_fails_whole_until_it_has_fewer,
           a_target_keeps_the_interval_that_relabelling_gives_it,
           a_target_that_hangs_until_its_next_tick_does_not_miss_that)
