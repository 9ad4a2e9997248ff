#pragma once
/*
 * check_metrics.h - check metrics [--extended]: what is wrong with the metrics on standard input, by the
 * rules that promtool's users know: names, units, types, help. Exit status 3 for a finding.
 *
 *     text -> lib/expose -> families by name -> metric_lint -> sorted lines "NAME what is wrong"
 */
#include "lib/base/map.h"
#include "lib/base/vec.h"
#include "lib/expose/expose.h"

struct metric_family {
    struct span name; /* in the text */
    enum expose_type type;
    bool has_type, has_help, has_repeated;
    VEC(struct span) label_names; /* each once; in the arena */
    size_t series;
};

struct metric_families { /* in the order they were met */
    VEC(struct metric_family) items;
    struct map by_name, seen; /* seen: identities of series */
    VEC(struct hash128) identities;
    struct arena arena;
};

void metric_families_init(struct metric_families *families);
void metric_families_release(struct metric_families *families);
/* the text outlives the families; ERR_INVALID names the line */
int metric_families_read(struct metric_families *families, struct span text, struct err *err);
/* appends "what is wrong", a line each */
void metric_lint(const struct metric_family *family, struct buf *out);

int check_metrics(int argc, char **argv);
