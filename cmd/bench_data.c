/*
 * bench_data.c - the mix of benchmarks/README.md: families of counters and gauges, then classic histograms.
 */
#include "cmd/bench_data.h"

#include "lib/base/mem.h"

#include <stdio.h>

#define MAX_TEXT_BYTES (64u << 20)
#define BUCKETS 9 /* of a histogram, with +Inf; _sum and _count make BUCKETS + 2 series */

static uint64_t mix(uint64_t x) {
    x ^= x >> 33;
    x *= 0xff51afd7ed558ccdu;
    x ^= x >> 33;
    x *= 0xc4ceb9fe1a85ec53u;
    return x ^ x >> 33;
}

static const char *const modes[] = {"idle", "iowait", "irq", "nice", "softirq", "steal", "system", "user"};
static const char *const bounds[BUCKETS] = {"0.005", "0.01", "0.05", "0.1", "0.5", "1", "5", "10", "+Inf"};

/* cAdvisor-like labels: about 230 bytes with the name */
static void put_long_labels(struct buf *text, uint64_t pod, size_t index) {
    buf_printf(
        text,
        "{container=\"app-%zu\",id=\"/kubepods/burstable/pod%016llx-%08x\",image=\"registry.example.org/"
        "team-%u/service-%u:v1.%u.0\",name=\"k8s_app_%08x\",namespace=\"team-%u\",pod=\"service-%u-%08x\"}",
        index, (unsigned long long)mix(pod), (unsigned)(mix(pod + 1) & 0xffffffff), (unsigned)(pod % 7),
        (unsigned)(pod % 31), (unsigned)(pod % 9), (unsigned)(mix(pod + 2) & 0xffffffff), (unsigned)(pod % 7),
        (unsigned)(pod % 31), (unsigned)(mix(pod + 3) & 0xffffffff));
}

static void put_short_labels(struct buf *text, size_t index) {
    if (index % 2)
        buf_printf(text, "{cpu=\"%zu\",mode=\"%s\"}", index / 8, modes[index % 8]);
    else
        buf_printf(text, "{device=\"eth%zu\"}", index);
}

static void put_head(struct buf *text, const char *name, size_t family, const char *suffix,
                     const char *type) {
    buf_printf(text, "# HELP %s_%zu%s Made for measuring, family %zu.\n", name, family, suffix, family);
    buf_printf(text, "# TYPE %s_%zu%s %s\n", name, family, suffix, type);
}

static struct data_line *add_line(struct data_target *target, size_t *count, enum data_shape shape,
                                  uint64_t key) {
    struct data_line *line = &target->lines[(*count)++];
    /* a quarter moves every tick, a quarter every third tick, half rests: a third changes from tick to tick
     */
    uint64_t pace = mix(key + 77) % 4;
    *line = (struct data_line){.key = key,
                               .shape = shape,
                               .pace = pace == 0   ? EVERY_TICK
                                       : pace == 1 ? EVERY_THIRD
                                                   : NEVER};
    return line;
}

/* a family of ten counters or gauges; half of the families carry long labels, which makes 40 % of all series
 */
static void add_family(struct data_target *target, size_t *count, size_t family, uint64_t pod) {
    bool is_counter = family % 8 < 5;
    bool is_long = family % 10 < 5;
    const char *suffix = is_counter ? "_total" : "";
    const char *name = is_counter ? (is_long ? "container_usage" : "node_seconds")
                                  : (is_long ? "container_working_bytes" : "node_current_value");
    for (size_t i = 0; i < 10 && *count < target->series_count; i++) {
        uint64_t key = mix(target->seed + pod * 1000003 + family * 131 + i);
        enum data_shape shape = is_counter ? (family % 3 ? COUNTER_INT : COUNTER_SECONDS)
                                           : (family % 2 ? GAUGE_INT : GAUGE_DECIMAL);
        struct data_line *line = add_line(target, count, shape, key);
        line->head_at = target->text.len;
        if (i == 0) put_head(&target->text, name, family, suffix, is_counter ? "counter" : "gauge");
        line->text_at = target->text.len;
        buf_printf(&target->text, "%s_%zu%s", name, family, suffix);
        if (is_long)
            put_long_labels(&target->text, pod * 50 + family, i);
        else
            put_short_labels(&target->text, i);
        line->end = target->text.len;
    }
}

static void add_histogram(struct data_target *target, size_t *count, size_t family, uint64_t pod) {
    const char *name = "rpc_duration_seconds";
    uint64_t key = mix(target->seed + pod * 1000003 + family * 8191);
    for (int i = 0; i < BUCKETS + 2 && *count < target->series_count; i++) {
        struct data_line *line = add_line(target, count,
                                          i < BUCKETS    ? BUCKET
                                          : i == BUCKETS ? BUCKET_SUM
                                                         : BUCKET_COUNT,
                                          key);
        line->bucket = i;
        line->head_at = target->text.len;
        if (i == 0) put_head(&target->text, name, family, "", "histogram");
        line->text_at = target->text.len;
        if (i < BUCKETS)
            buf_printf(&target->text, "%s_%zu_bucket{handler=\"/api/v1/h%zu\",le=\"%s\"}", name, family,
                       family, bounds[i]);
        else
            buf_printf(&target->text, "%s_%zu_%s{handler=\"/api/v1/h%zu\"}", name, family,
                       i == BUCKETS ? "sum" : "count", family);
        line->end = target->text.len;
    }
}

void data_target_init(struct data_target *target, uint64_t number, size_t series_count, uint64_t seed) {
    *target = (struct data_target){.lines = mem_array(series_count, sizeof(struct data_line)),
                                   .series_count = series_count,
                                   .seed = seed};
    buf_init(&target->text, MAX_TEXT_BYTES);
    size_t count = 0;
    for (size_t family = 0; count < series_count; family++) {
        if (count * 5 < series_count * 4) /* the last fifth is histograms */
            add_family(target, &count, family, number);
        else
            add_histogram(target, &count, family, number);
    }
}

void data_target_release(struct data_target *target) {
    buf_release(&target->text);
    mem_free(target->lines);
}

/* ---- values ---- */

static int64_t changes(const struct data_line *line, int64_t tick) {
    if (line->pace == EVERY_TICK) return tick;
    return line->pace == NEVER ? 0 : (tick + (int64_t)(line->key % 3)) / 3;
}

struct data_value data_value(const struct data_line *line, int64_t tick) {
    /* counters count from here, so that they do not start with the digits of the epoch */
    int64_t moved = changes(line, tick % 1000000);
    int64_t step = 1 + (int64_t)(line->key % 997), base = (int64_t)(line->key % 10000000);
    uint64_t noise = mix(line->key + (uint64_t)moved);
    int64_t total = base + moved * step;
    switch (line->shape) {
    case COUNTER_INT: return (struct data_value){total + (int64_t)(noise % 7) * (moved != 0), 0};
    case COUNTER_SECONDS: return (struct data_value){(base + moved * 2) * 100 + (int64_t)(noise % 100), 2};
    case GAUGE_INT: return (struct data_value){base + (int64_t)(noise % 4096), 0};
    case GAUGE_DECIMAL: return (struct data_value){(int64_t)(noise % 100 * 1000 + noise / 100 % 1000), 3};
    case BUCKET: return (struct data_value){total * (line->bucket + 1) / BUCKETS, 0};
    case BUCKET_SUM: return (struct data_value){total / 3 * 1000 + (int64_t)(noise % 1000), 3};
    case BUCKET_COUNT: break;
    }
    return (struct data_value){total, 0};
}

static const int64_t powers[] = {1, 10, 100, 1000};

double data_value_double(struct data_value value) {
    return (double)value.digits / (double)powers[value.decimals];
}

void data_value_put(struct buf *text, struct data_value value) {
    buf_int(text, value.digits / powers[value.decimals]);
    if (value.decimals)
        buf_printf(text, ".%0*u", (int)value.decimals, (unsigned)(value.digits % powers[value.decimals]));
}
