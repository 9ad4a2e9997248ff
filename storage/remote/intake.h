#pragma once
/*
 * intake.h - samples that others send by remote write, or as text, as far as a store's appender.
 *
 *     snappy block -> prometheus.WriteRequest, or io.prometheus.write.v2.Request -> one append_batch ->
 * appender -> judged row by row
 *
 *     intake_read(intake, body, &request)            decodes and checks everything; nothing is stored yet
 *     intake_append(request, appender, done, ...)    resolves new series, hands the batch over
 *         ... done, on a thread of the store: calls nothing but somebody who then calls, on another thread
 *     intake_finish(request)                         the verdict
 *     intake_request_destroy(request)
 *
 * What can be stored is stored, whatever is wrong with the rest; the verdict then tells the first trouble. A
 * body that cannot be decoded to its end stores nothing.
 *
 * A series that was seen before costs a hash of its labels' bytes (series_cache.h). Memory of all requests in
 * flight comes from one budget, which the server's buffers for the bodies share (intake_memory).
 *
 * Threads: any; a request belongs to one at a time.
 */
#include "lib/base/budget.h"
#include "lib/base/err.h"
#include "lib/base/span.h"
#include "lib/model/appender.h"

struct registry;
struct intake;
struct intake_request;

/* of one request */
#define INTAKE_PACKED_MAX ((size_t)32 << 20)
#define INTAKE_DECODED_MAX ((size_t)32 << 20)
#define INTAKE_REQUEST_MEMORY ((size_t)128 << 20) /* decoded, with its rows and histograms */
/* of all requests in flight, packed and decoded */
#define INTAKE_MEMORY ((size_t)256 << 20)

/* registry may be NULL; so may memory, from which all requests draw beside INTAKE_MEMORY, and which outlives
 * it */
struct intake *intake_create(struct registry *registry, struct budget *memory);
void intake_destroy(struct intake *intake);
struct budget *intake_memory(struct intake *intake);

/* ERR_INVALID: bad snappy or protobuf. ERR_LIMIT: larger than one request may be. ERR_BUSY: too much is in
   flight. */
int intake_read(struct intake *intake, struct span packed, struct intake_request **request, struct err *err);
/* the same of version 2; start times are left out */
int intake_read_second(struct intake *intake, struct span packed, struct intake_request **request,
                       struct err *err);

/* The same of a text that targets would show, or of lines of InfluxDB's, to fill the past: its samples are
   taken however old they are; those without a time are of now_ms. Its exemplars and metadata are left out.
   The text is used to the end. ERR_INVALID also names the line. */
enum intake_text { INTAKE_PROMETHEUS, INTAKE_OPENMETRICS, INTAKE_INFLUX };
struct intake_form {
    enum intake_text format;
    int64_t now_ms;
    int64_t unit_ns;      /* of INTAKE_INFLUX: of the times */
    struct span database; /* of INTAKE_INFLUX: the value of a label db, or empty */
};
int intake_read_text(struct intake *intake, struct span text, const struct intake_form *form,
                     struct intake_request **request, struct err *err);

/* Once. False: there is nothing to append, so done is not called. May wait while the store's queue is
   full. */
bool intake_append(struct intake_request *request, struct appender *appender, void (*done)(void *context),
                   void *context);

/* 0: all is stored. ERR_INVALID: not all of it, and never will be. ERR_EXHAUSTED:
   all but new series, which may be taken later. Another code: nothing was stored of what was appended last,
   and the sender may try again. */
int intake_finish(struct intake_request *request, struct err *err);
/* What is stored, also from before; of exemplars, those that are new. After intake_finish. */
struct intake_written {
    size_t samples, histograms, exemplars;
};
struct intake_written intake_written(const struct intake_request *request);
void intake_request_destroy(struct intake_request *request);
