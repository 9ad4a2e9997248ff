// links: promql_eval
/* fuzz_promql_eval.c - what parses is evaluated over a small store, under a budget and a deadline, as an
 * instant and as a range query: an answer or an error with a text, every byte given back, and the same with
 * and without a plan. */
#include "lib/base/assert.h"
#include "lib/base/mem.h"
#include "promql/eval/engine.h"
#include "tests/unit/promql/eval/naive_store.h"

#include <stdlib.h>

#define TEXT_MAX 4096u
#define BUDGET ((size_t)4 << 20)
#define DEADLINE_MS 500

static struct naive_store store;
static struct engine *engine;

static void fill(void) {
    static const char *const names[] = {"x", "y", "x_bucket"};
    naive_init(&store);
    for (int n = 0; n < 3; n++)
        for (int i = 0; i < 5; i++) {
            struct naive_series *series = naive_new(&store, names[n], i);
            for (int k = 0; k < 60; k++)
                naive_add(series, k * 15000, k % 17 == 16 ? 0 : (double)(k * (i + 1)) / (n + 1));
        }
    struct engine_options options = {
        .timeout_ms = DEADLINE_MS,
        .max_bytes_query = BUDGET,
        .max_samples = 100000,
        .use_start_timestamps = true,
        .parse = {.experimental_functions = true,
                  .extended_range_selectors = true,
                  .binop_fill_modifiers = true},
    };
    engine = engine_create(&options, NULL);
}

static void release(void) {
    engine_destroy(engine); /* asserts that every byte was given back */
    naive_release(&store);
}

static void run(struct span text, int64_t step_ms, bool wants_plan) {
    struct query query = {.text = text,
                          .start_ms = step_ms ? 300000 : 600000,
                          .end_ms = 600000,
                          .step_ms = step_ms,
                          .wants_stats = wants_plan,
                          .wants_plan = wants_plan};
    struct query_result *result = NULL;
    enum query_failure failure;
    struct err err = {0};
    if (engine_run(engine, &store.queryable, &query, &result, &failure, &err))
        ASSERT(!result && err.text[0]);
    else
        ASSERT(result && (result->plan != NULL) == wants_plan);
    query_result_destroy(result);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct span text = span_of((const char *)data, size < TEXT_MAX ? size : TEXT_MAX);
    if (!engine) {
        fill();
        atexit(release);
    }
    run(text, 0, false);
    run(text, 7000, true);
    return 0;
}
