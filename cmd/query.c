/*
 * query.c - `server query instant|range|series|labels`: the HTTP API of a server from the command line, with
 * promtool's options and forms.
 *
 *     query instant [--time T] URL EXPR                        query series [--match SELECTOR]... URL
 * [SELECTOR] query range [--start T] [--end T] [--step D] URL EXPR    query labels [--match SELECTOR]... URL
 * NAME
 *
 * -o promql is promtool's text, -o json the result as JSON, -o plot a picture of a range: what a terminal
 * gets by default. --header NAME=VALUE is sent along.
 */
#include "cmd/ask.h"
#include "cmd/cmd.h"
#include "cmd/query_plot.h"
#include "cmd/query_print.h"
#include "lib/sys/clock.h"
#include "web/api/params.h"

#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define OUTPUT_MAX ((size_t)2 << 30)
#define RANGE_MS 300000
#define STEPS_DEFAULT 250
#define LIST_MAX 64u

enum form { FORM_DEFAULT, FORM_PROMQL, FORM_JSON, FORM_PLOT, FORM_BAD };

struct question {
    const char *kind, *url, *text; /* text: expression, selector or label */
    const char *time, *start, *end, *step, *form;
    const char *matches[LIST_MAX], *headers[LIST_MAX];
    size_t match_count, header_count;
};

static int usage(void) {
    fprintf(stderr,
            "usage: server query instant [--time T] [-o promql|json] URL EXPR\n"
            "       server query range [--start T] [--end T] [--step D] [-o promql|json|plot] URL EXPR\n"
            "       server query series [--start T] [--end T] [--match SELECTOR]... URL [SELECTOR]\n"
            "       server query labels [--start T] [--end T] [--match SELECTOR]... URL NAME\n"
            "       --header NAME=VALUE is sent along; times are unix seconds or RFC 3339\n");
    return 1;
}

static bool read_question(int argc, char **argv, struct question *q) {
    const struct {
        const char *name, **value;
    } options[] = {{"--time", &q->time}, {"--start", &q->start}, {"--end", &q->end},
                   {"--step", &q->step}, {"--format", &q->form}, {"-o", &q->form}};
    q->kind = argv[1];
    for (int i = 2; i < argc; i++) {
        const char *more;
        bool is_option = false;
        for (size_t k = 0; k < sizeof options / sizeof *options && !is_option; k++)
            is_option = ask_option(options[k].name, argc, argv, &i, options[k].value);
        if (is_option) continue;
        if (q->match_count < LIST_MAX && ask_option("--match", argc, argv, &i, &more))
            q->matches[q->match_count++] = more;
        else if (q->header_count < LIST_MAX && ask_option("--header", argc, argv, &i, &more))
            q->headers[q->header_count++] = more;
        else if (argv[i][0] == '-' && !q->url)
            return false;
        else if (!q->url)
            q->url = argv[i];
        else if (!q->text)
            q->text = argv[i];
        else
            return false;
    }
    return q->url != NULL;
}

static void put_param(struct ask *ask, const char *name, const char *value) {
    if (value) ask_param(ask, name, span_from(value));
}

static void put_time(struct ask *ask, const char *name, const char *given, int64_t time_ms) {
    char text[32];
    snprintf(text, sizeof text, "%.3f", (double)time_ms / 1000);
    put_param(ask, name, given ? given : text);
}

/* what is not given: the last five minutes, in so many steps that a screen can show them; the server judges
 * what is */
static void put_range(struct ask *ask, const struct question *q) {
    char step[32];
    int64_t from_ms, to_ms = clock_wall_ms();
    if (q->end) (void)time_parse(span_from(q->end), &to_ms, NULL);
    from_ms = to_ms - RANGE_MS;
    if (q->start) (void)time_parse(span_from(q->start), &from_ms, NULL);
    int64_t seconds = (to_ms - from_ms) / 1000 / STEPS_DEFAULT;
    snprintf(step, sizeof step, "%lld", seconds < 1 ? 1 : (long long)seconds);
    put_param(ask, "query", q->text);
    put_time(ask, "start", q->start, from_ms);
    put_time(ask, "end", q->end, to_ms);
    put_param(ask, "step", q->step ? q->step : step);
}

static void put_matches(struct ask *ask, const struct question *q) {
    put_param(ask, "start", q->start);
    put_param(ask, "end", q->end);
    for (size_t i = 0; i < q->match_count; i++) put_param(ask, "match[]", q->matches[i]);
}

static bool prepare(const struct question *q, struct ask *ask) {
    if (strcmp(q->kind, "instant") == 0 && q->text) {
        ask_init(ask, q->url, "/api/v1/query");
        put_param(ask, "query", q->text);
        put_param(ask, "time", q->time);
    } else if (strcmp(q->kind, "range") == 0 && q->text) {
        ask_init(ask, q->url, "/api/v1/query_range");
        put_range(ask, q);
    } else if (strcmp(q->kind, "series") == 0 && (q->text || q->match_count)) {
        ask_init(ask, q->url, "/api/v1/series");
        put_matches(ask, q);
        put_param(ask, "match[]", q->text);
    } else if (strcmp(q->kind, "labels") == 0 && q->text) {
        struct buf path;
        buf_init(&path, 1 << 16);
        buf_printf(&path, "/api/v1/label/%s/values", q->text);
        ask_init(ask, q->url, buf_text(&path));
        put_matches(ask, q);
        buf_release(&path);
    } else {
        return false;
    }
    bool good = true;
    for (size_t i = 0; i < q->header_count && good; i++) good = ask_header(ask, q->headers[i]);
    if (!good) ask_release(ask);
    return good;
}

static enum form form_of(const struct question *q) {
    static const char *const names[] = {[FORM_PROMQL] = "promql", [FORM_JSON] = "json", [FORM_PLOT] = "plot"};
    if (!q->form) return strcmp(q->kind, "range") == 0 && isatty(STDOUT_FILENO) ? FORM_PLOT : FORM_PROMQL;
    for (int i = FORM_PROMQL; i <= FORM_PLOT; i++)
        if (strcmp(q->form, names[i]) == 0) return (enum form)i;
    return FORM_BAD;
}

static struct plot_size plot_size(void) {
    struct winsize window = {0};
    struct plot_size size = {80, 16, isatty(STDOUT_FILENO)};
    if (size.has_colours && ioctl(STDOUT_FILENO, TIOCGWINSZ, &window) == 0 && window.ws_col) {
        size.columns = window.ws_col;
        size.rows = window.ws_row / 2u;
    }
    return size;
}

static int print_answer(const struct ask *ask, enum form form) {
    struct buf out;
    struct plot_size size = plot_size();
    bool good = true;
    buf_init(&out, OUTPUT_MAX);
    if (form == FORM_JSON)
        query_print_json(ask->data, &out);
    else if (form != FORM_PLOT || !query_plot(ask->data, &size, &out))
        good = query_print(ask->data, &out);
    if (good && !out.failed) fwrite(out.data, 1, out.len, stdout);
    if (!good) fprintf(stderr, "the server's answer is of no known form\n");
    if (out.failed) fprintf(stderr, "the answer is longer than %zu bytes\n", OUTPUT_MAX);
    for (size_t i = 0; i < ask->warning_count; i++)
        fprintf(stderr, "warning: %.*s\n", SPAN_ARG(ask->warnings[i]));
    good = good && !out.failed;
    buf_release(&out);
    return good ? 0 : 1;
}

int cmd_query(int argc, char **argv) {
    struct question question = {0};
    struct ask ask;
    struct err err = {0};
    if (argc < 3 || !read_question(argc, argv, &question)) return usage();
    enum form form = form_of(&question);
    if (form == FORM_BAD || !prepare(&question, &ask)) return usage();
    int status = 1;
    if (ask_run(&ask, &err))
        fprintf(stderr, "query error: %s\n", err.text);
    else
        status = print_answer(&ask, form);
    ask_release(&ask);
    return status;
}
