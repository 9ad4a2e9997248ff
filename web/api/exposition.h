#pragma once
/*
 * exposition.h - inside of web/api: samples written the way that targets write them, in the form that the
 * scraper takes.
 *
 *     text       # TYPE up untyped                    families of one sample after the other
 *                up{instance="a",job="x"} 1 60000
 *     protobuf   varint length, MetricFamily          native histograms too, which the text has no words for
 *
 * Names that are not legacy names have '_' in place of odd characters, unless the scraper says that it takes
 * UTF-8.
 */
#include "lib/model/histogram.h"
#include "lib/model/labels.h"

enum exposition_form { EXPOSITION_TEXT, EXPOSITION_TEXT_1_0_0, EXPOSITION_PROTOBUF };

struct exposition {
    enum exposition_form form;
    bool takes_utf8;
};

struct exposed_sample {
    struct labels labels; /* with __name__ */
    int64_t time_ms;
    double value;
    const struct histogram *histogram; /* NULL: a float */
};

/* the form that an Accept header likes best; text where it likes none of ours. OpenMetrics is none: it has no
 * families without a type that would take any sample. */
struct exposition exposition_choose(struct span accept);
/* a literal */
const char *exposition_content_type(const struct exposition *exposition);
/* Are both in one family: of one name, and one kind of value? */
bool exposition_same_family(const struct exposed_sample *a, const struct exposed_sample *b);

/* Samples [0, count) of one family; in text, its TYPE line only when is_first. `extra`: labels behind those
 * of each sample that has none of that name, empty values written too. */
void exposition_write(const struct exposition *exposition, const struct exposed_sample *samples, size_t count,
                      struct labels extra, bool is_first, struct buf *out);

/* exposition_protobuf.c */
void exposition_write_protobuf(const struct exposition *exposition, const struct exposed_sample *samples,
                               size_t count, struct labels extra, struct buf *out);
/* the name as the scraper takes it, appended */
void exposition_write_name(const struct exposition *exposition, struct span name, struct buf *out);
