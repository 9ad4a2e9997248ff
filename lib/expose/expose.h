#pragma once
/*
 * expose.h - the text formats of targets, an entry at a time.
 *
 *     http_requests_total{code="200"} 1027 1395066363000 # {trace="x"} 1
 *     '----------- series -----------' value  timestamp     exemplar
 *
 * The reader splits lines and hands out spans of the body; labels are parsed by expose_labels only when
 * somebody needs them, which in a steady state is never. Prometheus text (0.0.4, 1.0.0), OpenMetrics (0.0.1,
 * 1.0.0) and OpenMetrics 2.0 differ in a few rules, told by the format. Any syntax error ends the reading
 * with the line and the reason; nothing of such a body may be used.
 */
#include "lib/expose/metric.h"

#include <stdbool.h>
#include <stdint.h>

#define EXPOSE_MAX_LINE ((size_t)1 << 20)

enum expose_format {
    EXPOSE_TEXT,
    EXPOSE_OPENMETRICS,
    EXPOSE_OPENMETRICS2,
    EXPOSE_PROTOBUF, /* not for this reader: protobuf.h */
};

enum expose_kind { EXPOSE_END, EXPOSE_SERIES, EXPOSE_TYPE, EXPOSE_HELP, EXPOSE_UNIT };

struct expose_entry {
    enum expose_kind kind;
    /* EXPOSE_SERIES */
    struct span series; /* name and labels as written, without blanks at its ends */
    struct span value;  /* text of the value, not parsed yet: expose_value */
    bool is_composite;  /* OpenMetrics 2.0: value is the inside of {...}: expose_composite */
    bool has_time, has_start;
    int64_t time_ms, start_ms; /* start: OpenMetrics 2.0 */
    struct span exemplar;      /* from its labels' brace to the end of the line, checked; empty: none */
    /* EXPOSE_TYPE, _HELP, _UNIT */
    struct span metric; /* name of the family, unescaped only if it was not quoted */
    struct span text;   /* type name, help (escapes as written), unit */
};

struct expose_reader {
    struct span body;
    size_t at;
    enum expose_format format;
    uint32_t line;
    bool seen_eof;         /* OpenMetrics: # EOF was there */
    enum expose_type type; /* of the last TYPE line; in OpenMetrics 2.0 of the family at hand */
    struct span family;    /* which family that is, as written */
};

void expose_reader_init(struct expose_reader *reader, enum expose_format format, struct span body);
/* The next entry, EXPOSE_END at the end, or ERR_INVALID. */
int expose_next(struct expose_reader *reader, struct expose_entry *entry, struct err *err);
/* The first `len` bytes of what is next if they can be a series text, as far as what follows them tells; else
 * empty. Who knows that text from before, as it came out of expose_next, calls expose_next_known. */
struct span expose_peek(const struct expose_reader *reader, size_t len);
/* As expose_next, for a line that begins with this series text. */
int expose_next_known(struct expose_reader *reader, struct span series, struct expose_entry *entry,
                      struct err *err);
/* The same in one go, behind an expose_peek of so many bytes, for what nearly all lines are: one space and a
 * plain decimal are all that follows. false: it is another one, and nothing was taken. */
bool expose_take_plain(struct expose_reader *reader, size_t len, double *value);
/* ERR_INVALID with the reader's line */
int expose_value(const struct expose_reader *reader, struct span text, double *value, struct err *err);
/* The first of an entry's exemplars, which is taken off *rest; without a time of its own it gets `time_ms`.
 * Labels go to arena as those of a series. */
int expose_exemplar(struct span *rest, int64_t time_ms, struct arena *arena, struct exemplar *exemplar,
                    struct err *err);
/* The text of an EXPOSE_HELP entry without its escapes, in arena or as it was. */
int expose_help(struct span text, enum expose_format format, struct arena *arena, struct span *help,
                struct err *err);
/* Labels of a series text, __name__ included; le of a histogram and quantile of a summary in canonical form.
 * Unescaped text goes to arena, the rest refers to `series`. */
int expose_labels(struct span series, enum expose_type type, struct arena *arena, struct labels *labels,
                  struct err *err);
/* {...} alone, of an exemplar */
int expose_label_set(struct span braces, struct arena *arena, struct labels *labels, struct err *err);
