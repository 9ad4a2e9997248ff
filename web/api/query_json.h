#pragma once
/*
 * query_json.h - inside of web/api: a query's result as JSON, row by row and point by point, so that no piece
 * is larger than one row's labels and some points.
 *
 *     {"status":"success","data":{"resultType":"matrix","result":[
 *        {"metric":{...},"values":[[t,"v"],...]}, ...  <- `row` and `point` say how far it got
 *     ],"stats":{...}},"warnings":[...],"infos":[...]}
 */
#include "promql/eval/engine.h"
#include "web/http/exchange.h"

struct query_answer {
    struct query_result *result; /* owned */
    uint64_t limit;              /* of rows; 0: none */
    bool has_stats, has_step_stats;
    const char *note; /* one more warning, a literal; NULL: none */
    struct span text; /* of the query, for its plan; as long as the exchange */
};

/* replies; takes the result over */
void query_answer_stream(struct exchange *exchange, const struct query_answer *answer);
