#pragma once
/*
 * ask.h - one question to the HTTP API of a server, for subcommands: ours or Prometheus.
 *
 *     ask_init(url) -> ask_param("query", ...) -> ask_run -> data, a tree of yaml.h that lives in ask.arena
 *
 * For one thread; ask_run waits for the answer.
 */
#include "lib/base/arena.h"
#include "lib/base/buf.h"
#include "lib/base/err.h"
#include "lib/codec/yaml.h"

#define ASK_HEADERS_MAX 32u

struct ask {
    struct buf target;                        /* URL with its parameters */
    const char *headers[ASK_HEADERS_MAX + 1]; /* "Name: value" */
    size_t header_count, param_count;
    struct arena arena;
    const struct ynode *data; /* of a successful answer */
    struct span warnings[16];
    size_t warning_count;
};

/* path begins with "/"; ask_release in any case */
void ask_init(struct ask *ask, const char *url, const char *path);
void ask_release(struct ask *ask);
void ask_param(struct ask *ask, const char *name, struct span value);
/* "Name=value" as promtool has them, or "Name: value"; false: neither, or too many */
bool ask_header(struct ask *ask, const char *text);
int ask_run(struct ask *ask, struct err *err);

/* --name=value or --name value; moves *i over what it took */
bool ask_option(const char *name, int argc, char **argv, int *i, const char **value);
