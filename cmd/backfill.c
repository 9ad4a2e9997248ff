#include "cmd/backfill.h"

#include "cmd/ask.h"
#include "cmd/check.h"
#include "cmd/cmd.h"
#include "cmd/tsdb.h"
#include "lib/model/duration.h"
#include "lib/sys/clock.h"
#include "promql/eval/engine.h"
#include "storage/tsdb/tsdb.h"
#include "web/api/params.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

/*
 * rules backfill --start=TIME [--end=TIME] [--eval-interval=60s] [--storage.tsdb.path=DIR] [--url=URL]
 * FILE...
 *
 * Without a URL over the samples of the data folder, which no server may have open. Rules that read what
 * others record come later: they are sorted into rounds, and each round finds the blocks of those before it.
 * A server at a URL does not see the blocks; then all are one round.
 */

#define WINDOW_MS (12 * GATHER_RANGE_MS) /* between two writings */
#define NOT_IN_BLOCKS_MS ((int64_t)3 * 3600 * 1000)
#define ROUNDS_MAX 100
#define GATHER_BYTES ((size_t)8 << 30)

struct job { /* a rule to evaluate */
    const struct rule_set_group *group;
    const struct rule *rule;
    unsigned round;
    bool is_visited, is_open; /* while rounds are found */
};

struct backfill {
    const char *start, *end, *interval, *dir, *url;
    int64_t start_ms, end_ms; /* exclusive */
    struct rule_set *set;
    VEC(struct job) jobs;
    unsigned rounds;
    size_t done, total; /* evaluations of a rule over a window */
    int shown_percent;
    uint64_t left_out;
    struct tsdb_output output;
};

/* ---- rounds ---- */

static bool comes_after(const struct job *job, const struct job *other) {
    bool is_later = job->group != other->group || job->rule > other->rule;
    return job != other && is_later && rule_may_read(job->rule, other->rule);
}

/* a circle between groups is cut where it is met, a longer chain at its end */
static void find_round(struct backfill *b, struct job *job, unsigned depth) {
    if (job->is_visited || job->is_open || depth == ROUNDS_MAX) return;
    job->is_open = true;
    for (size_t i = 0; i < b->jobs.count; i++) {
        struct job *other = &b->jobs.items[i];
        if (other->is_open || !comes_after(job, other)) continue;
        find_round(b, other, depth + 1);
        if (job->round <= other->round) job->round = other->round + 1;
    }
    job->is_open = false;
    job->is_visited = true;
    if (b->rounds <= job->round) b->rounds = job->round + 1;
}

static void find_jobs(struct backfill *b) {
    for (size_t i = 0; i < b->set->group_count; i++)
        for (size_t k = 0; k < b->set->groups[i].rule_count; k++) {
            const struct rule_set_group *group = &b->set->groups[i];
            if (!group->rules[k].is_alert)
                *vec_push(&b->jobs) = (struct job){.group = group, .rule = &group->rules[k]};
        }
    for (size_t i = 0; i < b->jobs.count; i++) find_round(b, &b->jobs.items[i], 0);
    if (!b->url || b->rounds < 2) return;
    fprintf(stderr,
            "warning: some of these rules read what others of them record; the server does not see that "
            "before the blocks are its own: run it again then\n");
    for (size_t i = 0; i < b->jobs.count; i++) b->jobs.items[i].round = 0;
    b->rounds = 1;
}

/* ---- evaluating ---- */

static void show_progress(struct backfill *b, const struct job *job, int64_t from_ms) {
    int percent = (int)(100 * b->done++ / b->total);
    bool is_terminal = isatty(STDERR_FILENO);
    if (!is_terminal && percent / 10 == b->shown_percent / 10 && b->done > 1) return;
    b->shown_percent = percent;
    fprintf(stderr, "%s%3d%%, round %u of %u, from %lld, %s%s", is_terminal ? "\r" : "", percent,
            job->round + 1, b->rounds, (long long)(from_ms / 1000), job->rule->name,
            is_terminal ? "\033[K" : "\n");
}

static int run_window(struct backfill *b, const struct backfill_source *source, unsigned round,
                      int64_t from_ms, int64_t to_ms, struct err *err) {
    struct gather gather;
    int rc = 0;
    gather_init(&gather, GATHER_BYTES);
    for (size_t i = 0; i < b->jobs.count && !rc; i++) {
        const struct job *job = &b->jobs.items[i];
        if (job->round != round) continue;
        show_progress(b, job, from_ms);
        rc = backfill_rule(source, job->group, job->rule, from_ms, to_ms, from_ms == b->start_ms, &gather,
                           &b->left_out, err);
    }
    if (!rc) rc = gather_write(&gather, INT64_MIN, INT64_MAX, &b->output.target, err);
    gather_release(&gather);
    return rc;
}

static int64_t window_end(const struct backfill *b, int64_t from_ms) {
    int64_t to_ms = from_ms - from_ms % GATHER_RANGE_MS + WINDOW_MS;
    return to_ms < b->end_ms ? to_ms : b->end_ms;
}

static int run_round(struct backfill *b, const struct backfill_source *source, unsigned round,
                     struct err *err) {
    int rc = 0;
    for (int64_t from_ms = b->start_ms; from_ms < b->end_ms && !rc; from_ms = window_end(b, from_ms))
        rc = run_window(b, source, round, from_ms, window_end(b, from_ms), err);
    return rc;
}

/* The store takes the lock of its folder; with no_maintenance it leaves the blocks alone. */
static int run_on_folder(struct backfill *b, struct engine *engine, unsigned round, struct err *err) {
    struct tsdb_options options = {.path = b->dir, .no_maintenance = true};
    struct backfill_source source = {.engine = engine};
    int rc = tsdb_open(&options, NULL, &source.tsdb, err);
    if (rc) return rc;
    rc = run_round(b, &source, round, err);
    tsdb_close(source.tsdb);
    return rc;
}

static int run_all(struct backfill *b, const struct parse_options *parse, struct err *err) {
    int rc = 0;
    for (int64_t from_ms = b->start_ms; from_ms < b->end_ms; from_ms = window_end(b, from_ms))
        b->total += b->jobs.count;
    if (b->url) {
        struct backfill_source source = {.url = b->url};
        rc = tsdb_output_open(&b->output, b->dir, err);
        return rc ? rc : run_round(b, &source, 0, err);
    }
    if (access(b->dir, R_OK)) return err_set(err, ERR_NOT_FOUND, "no data folder \"%s\"", b->dir);
    struct engine_options options = {.parse = *parse};
    struct engine *engine = engine_create(&options, NULL);
    tsdb_output_init(&b->output, b->dir);
    for (unsigned round = 0; round < b->rounds && !rc; round++) rc = run_on_folder(b, engine, round, err);
    engine_destroy(engine);
    return rc;
}

/* ---- the command ---- */

static int usage(void) {
    fprintf(
        stderr,
        "usage: server rules backfill --start=TIME [--end=TIME] [--eval-interval=60s]\n"
        "                             [--storage.tsdb.path=data/] [--url=URL] FILE...\n"
        "Recording rules over the samples of a data folder, or of the server at URL, into blocks of that\n"
        "folder, which no server may use meanwhile. The end is 3 hours ago unless given.\n");
    return 1;
}

static int read_times(struct backfill *b, int64_t *interval_ms, struct err *err) {
    int rc = 0;
    b->end_ms = clock_wall_ms() - NOT_IN_BLOCKS_MS;
    if (b->end) rc = time_parse(span_from(b->end), &b->end_ms, err);
    if (!rc) rc = time_parse(span_from(b->start), &b->start_ms, err);
    if (!rc) rc = duration_parse(span_from(b->interval), interval_ms, err);
    if (!rc && (b->start_ms < 0 || b->start_ms >= b->end_ms || *interval_ms <= 0))
        rc = err_set(err, ERR_INVALID, "the start is not before the end, or the interval is empty");
    return rc;
}

static bool read_options(struct backfill *b, int argc, char **argv, int *files) {
    const struct {
        const char *name, **value;
    } options[] = {{"--start", &b->start},    {"--end", &b->end},
                   {"--url", &b->url},        {"--eval-interval", &b->interval},
                   {"--output-dir", &b->dir}, {"--storage.tsdb.path", &b->dir}};
    for (int i = 1; i < argc; i++) {
        bool is_option = false;
        for (size_t k = 0; k < sizeof options / sizeof *options && !is_option; k++)
            is_option = ask_option(options[k].name, argc, argv, &i, options[k].value);
        if (is_option) continue;
        if (strncmp(argv[i], "--", 2) == 0) return false;
        argv[1 + (*files)++] = argv[i];
    }
    return b->start && *files > 0;
}

int backfill_run(int argc, char **argv, const char *url) {
    static struct config_errors errors;
    struct backfill b = {.interval = "60s", .dir = "data/", .url = url};
    struct rule_set_options options = {.parse = {.experimental_functions = true,
                                                 .extended_range_selectors = true,
                                                 .binop_fill_modifiers = true}};
    struct err err = {0};
    int files = 0;
    if (!read_options(&b, argc, argv, &files)) return usage();
    int rc = read_times(&b, &options.interval_ms, &err);
    if (!rc && rule_set_load_files((const char *const *)argv + 1, (size_t)files, &options, &b.set, &errors)) {
        check_print_errors(argv[1], &errors);
        return 1;
    }
    if (!rc) find_jobs(&b);
    if (!rc) rc = run_all(&b, &options.parse, &err);
    int status = tsdb_show_result(&b.output.target.counts, rc, &err);
    if (b.left_out)
        fprintf(stderr, "warning: %llu native histograms of the server's answers were left out\n",
                (unsigned long long)b.left_out);
    tsdb_output_close(&b.output);
    vec_release(&b.jobs);
    rule_set_unref(b.set);
    return status;
}

int cmd_rules(int argc, char **argv) {
    if (argc < 2 || strcmp(argv[1], "backfill") != 0) return usage();
    return backfill_run(argc - 1, argv + 1, NULL);
}
