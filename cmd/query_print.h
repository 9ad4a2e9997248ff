#pragma once
/*
 * query_print.h - the data of an answer of the query API as text: as promtool prints it, or as JSON.
 *
 *     up{job="a"} => 1 @[1435781451.781]         a vector
 *     up{job="a"} =>                             a matrix
 *     1 @[1435781430.781]
 *
 * data is {"resultType":..,"result":..}, or a list of series or texts.
 */
#include "lib/base/buf.h"
#include "lib/codec/yaml.h"

/* false: it is not of that form */
bool query_print(const struct ynode *data, struct buf *out);
/* the result, or the list, as one line of JSON */
void query_print_json(const struct ynode *data, struct buf *out);
/* name{a="b"} of an object of labels; arena is scratch */
bool query_print_metric(const struct ynode *metric, struct buf *out);
