#include "lib/instrument/instrument.h"
#include "tests/check_main.h"

#include <pthread.h>
#include <string.h>

static const char *written(struct registry *registry, struct buf *out) {
    buf_reset(out);
    registry_write(registry, out);
    return buf_text(out);
}

static void set_gauge(void *context) {
    gauge_set(context, 7);
}

START_TEST(the_exposition_is_sorted_and_escaped) {
    struct registry *registry = registry_create();
    struct buf out;
    buf_init(&out, 1 << 16);
    struct gauge *gauge = registry_gauge(registry, "b_gauge", "A gauge.", NULL);
    struct counter *counter = registry_counter(registry, "a_total", "A counter.",
                                               (const char *[]){"path", "/\"x\"", "code", "200", NULL});
    ck_assert_ptr_eq(counter, registry_counter(registry, "a_total", "A counter.",
                                               (const char *[]){"path", "/\"x\"", "code", "200", NULL}));
    ck_assert_ptr_ne(counter, registry_counter(registry, "a_total", "A counter.", NULL));
    counter_inc(counter);
    counter_add(counter, 1.5);
    registry_on_collect(registry, set_gauge, gauge);
    ck_assert_str_eq(written(registry, &out),
                     "# HELP a_total A counter.\n# TYPE a_total "
                     "counter\na_total{path=\"/\\\"x\\\"\",code=\"200\"} 2.5\na_total 0\n"
                     "# HELP b_gauge A gauge.\n# TYPE b_gauge gauge\nb_gauge 7\n");
    registry_forget(registry, gauge);
    gauge_set(gauge, 1);
    ck_assert_ptr_nonnull(strstr(written(registry, &out), "b_gauge 1\n"));
    buf_release(&out);
    registry_destroy(registry);
}
END_TEST

START_TEST(a_histogram_is_cumulative_and_a_summary_has_quantiles) {
    struct registry *registry = registry_create();
    struct buf out;
    buf_init(&out, 1 << 16);
    struct histogram *histogram = registry_histogram(registry, "h", "H.", NULL, (double[]){0.1, 1}, 2);
    struct summary *summary = registry_summary(registry, "s", "S.", NULL);
    ck_assert_ptr_nonnull(strstr(written(registry, &out), "s{quantile=\"0.5\"} NaN\n"));
    histogram_observe(histogram, 0.1);
    histogram_observe(histogram, 0.5);
    histogram_observe(histogram, 99);
    for (int i = 0; i <= 100; i++) summary_observe(summary, i);
    const char *text = written(registry, &out);
    ck_assert_ptr_nonnull(strstr(
        text,
        "h_bucket{le=\"0.1\"} 1\nh_bucket{le=\"1\"} 2\nh_bucket{le=\"+Inf\"} 3\nh_sum 99.6\nh_count 3\n"));
    ck_assert_ptr_nonnull(strstr(text, "s{quantile=\"0.9\"} 90\n"));
    ck_assert_ptr_nonnull(strstr(text, "s_sum 5050\ns_count 101\n"));
    buf_release(&out);
    registry_destroy(registry);
}
END_TEST

#define ROUNDS 20000
static void *hammer(void *context) {
    struct registry *registry = context;
    struct counter *counter = registry_counter(registry, "c_total", "C.", NULL);
    struct histogram *histogram = registry_histogram(registry, "h", "H.", NULL, (double[]){1}, 1);
    for (int i = 0; i < ROUNDS; i++) {
        counter_inc(counter);
        histogram_observe(histogram, i % 2 ? 0.5 : 2);
    }
    return NULL;
}

START_TEST(threads_lose_nothing) {
    struct registry *registry = registry_create();
    struct buf out;
    pthread_t threads[4];
    buf_init(&out, 1 << 16);
    for (int i = 0; i < 4; i++) pthread_create(&threads[i], NULL, hammer, registry);
    for (int i = 0; i < 50; i++) written(registry, &out);
    for (int i = 0; i < 4; i++) pthread_join(threads[i], NULL);
    const char *text = written(registry, &out);
    ck_assert_ptr_nonnull(strstr(text, "c_total 80000\n"));
    ck_assert_ptr_nonnull(
        strstr(text, "h_bucket{le=\"1\"} 40000\nh_bucket{le=\"+Inf\"} 80000\nh_sum 100000\nh_count 80000\n"));
    buf_release(&out);
    registry_destroy(registry);
}
END_TEST

START_TEST(what_is_removed_is_told_no_more) {
    static const char *const gone[] = {"group", "a", NULL}, *const stays[] = {"group", "b", NULL};
    struct registry *registry = registry_create();
    struct buf out;
    buf_init(&out, 1 << 16);
    counter_inc(registry_counter(registry, "x_total", "x", gone));
    counter_inc(registry_counter(registry, "x_total", "x", stays));
    summary_observe(registry_summary(registry, "y", "y", gone), 1);
    registry_remove(registry, gone);
    registry_remove(registry, gone);
    registry_write(registry, &out);
    ck_assert_str_eq(buf_text(&out), "# HELP x_total x\n# TYPE x_total counter\nx_total{group=\"b\"} 1\n");
    ck_assert(counter_value(registry_counter(registry, "x_total", "x", gone)) == 0);
    buf_release(&out);
    registry_destroy(registry);
}
END_TEST

CHECK_MAIN("registry", what_is_removed_is_told_no_more, the_exposition_is_sorted_and_escaped,
           a_histogram_is_cumulative_and_a_summary_has_quantiles, threads_lose_nothing)
