#pragma once
/*
 * query_plot.h - a matrix as a picture of braille dots in a terminal.
 *
 *      12.5 |          ..--''          each cell is 2 x 4 dots; a series has a colour, the last one drawn
 *           |    ..--''                into a cell gives it its own
 *         0 |--''
 *           18:00:00        18:05:00
 *           -- up{job="a"}
 */
#include "lib/base/buf.h"
#include "lib/codec/yaml.h"

struct plot_size {
    unsigned columns, rows; /* of the whole picture but the legend; cut to what is sensible */
    bool has_colours;
};

/* false: data is no matrix, or one without a number */
bool query_plot(const struct ynode *data, const struct plot_size *size, struct buf *out);
