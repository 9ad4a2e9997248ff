#pragma once
/*
 * template.h - Go's text/template as rule files use it, with Prometheus' functions.
 *
 *     text --template_parse--> struct template (tree, immutable) --template_execute(env)--> text
 *
 * A template belongs to the arena it was parsed into and may be executed by several threads at once. Hostile
 * text is an error: nesting, steps, output, memory and the number of queries are limited. Error texts are
 * those of Go's packages and of Prometheus ("error parsing template x: template: x:1: function "y" not
 * defined").
 */
#include "lib/base/arena.h"
#include "lib/base/buf.h"
#include "lib/model/labels.h"

#include <stdint.h>

#define TEMPLATE_MAX_TEXT ((size_t)256 << 10)
#define TEMPLATE_MAX_OUTPUT ((size_t)1 << 20)
#define TEMPLATE_MAX_MEMORY ((size_t)32 << 20)
#define TEMPLATE_MAX_STEPS 1000000
#define TEMPLATE_MAX_QUERIES 100

/* what stands in front of the texts of alerts: $labels and its like */
#define TEMPLATE_ALERT_VARIABLES                                                                             \
    "{{$labels := .Labels}}{{$externalLabels := .ExternalLabels}}{{$externalURL := .ExternalURL}}{{$value "  \
    ":= .Value}}"

struct template;

struct template_sample {
    struct labels labels;
    double value; /* of a native histogram its sum */
};

struct template_env {
    struct labels labels, external_labels; /* .Labels, .ExternalLabels */
    struct span external_url;              /* .ExternalURL; its path is pathPrefix */
    struct template_sample value;          /* .Value */
    int64_t time_ms;                       /* of now */
    /* an instant query at time_ms: its vector (a scalar is one sample without labels) in arena, or an error;
     * NULL: there is nobody to ask */
    int (*query)(void *context, struct span text, struct arena *arena, struct template_sample **samples,
                 size_t *count, struct err *err);
    void *context;
};

/* 0, or ERR_INVALID (ERR_LIMIT) and the reason in *why. name and text are copied. */
int template_parse(const char *name, struct span text, struct arena *arena, const struct template **template,
                   struct buf *why);
/* Appends to out. Negative: out has the reason instead of what was written. */
int template_execute(const struct template *template, const struct template_env *env, struct buf *out);
