#include "cmd/query_plot.h"

#include "cmd/query_print.h"
#include "lib/base/mem.h"
#include "lib/codec/number.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define LABEL_COLUMNS 12u
#define COLUMNS_MIN 20u
#define COLUMNS_MAX 400u
#define ROWS_MIN 4u
#define ROWS_MAX 100u
#define LEGEND_MAX 20u

static const unsigned char colours[] = {36, 33, 35, 32, 31, 34};

struct plot {
    unsigned columns, rows; /* of the canvas */
    uint8_t *dots, *owners; /* a byte of dots, and the colour's number, per cell */
    double time_low, time_high, low, high;
};

/* a point at a time that a calendar knows */
static bool point_of(const struct ynode *points, uint32_t i, double *time, double *value) {
    const struct ynode *point = ynode_item(points, i);
    const struct ynode *t = ynode_item(point, 0), *v = ynode_item(point, 1);
    return t && v && t->kind == YNODE_SCALAR && v->kind == YNODE_SCALAR && number_parse(t->text, time) &&
           fabs(*time) < 1e11 && number_parse(v->text, value);
}

/* the edges over all points that are finite; false: there is none */
static bool find_edges(const struct ynode *result, struct plot *plot) {
    const struct ynode *series;
    double time, value;
    plot->time_low = plot->low = INFINITY;
    plot->time_high = plot->high = -INFINITY;
    for (uint32_t s = 0; (series = ynode_item(result, s)); s++) {
        const struct ynode *points = ynode_at(series, "values");
        for (uint32_t i = 0; ynode_item(points, i); i++) {
            if (!point_of(points, i, &time, &value) || !isfinite(value)) continue;
            plot->time_low = fmin(plot->time_low, time);
            plot->time_high = fmax(plot->time_high, time);
            plot->low = fmin(plot->low, value);
            plot->high = fmax(plot->high, value);
        }
    }
    if (plot->low > plot->high) return false;
    if (plot->high - plot->low <= fabs(plot->high) * 1e-12) { /* a line in the middle */
        double room = plot->high ? fabs(plot->high) / 2 : 1;
        plot->low -= room;
        plot->high += room;
    }
    return true;
}

static unsigned scaled(double value, double low, double high, unsigned dots) {
    double share = high > low ? (value / 2 - low / 2) / (high / 2 - low / 2) : 0; /* halves: no overflow */
    return (unsigned)(share * (dots - 1) + 0.5);
}

static void set_dot(struct plot *plot, unsigned x, unsigned y, uint8_t owner) {
    static const uint8_t bits[4][2] = {{0x01, 0x08}, {0x02, 0x10}, {0x04, 0x20}, {0x40, 0x80}};
    size_t cell = (size_t)(y / 4) * plot->columns + x / 2;
    plot->dots[cell] |= bits[y % 4][x % 2];
    plot->owners[cell] = owner;
}

/* dots between two points, so that steep parts have no gaps */
static void draw_line(struct plot *plot, unsigned x0, unsigned y0, unsigned x1, unsigned y1, uint8_t owner) {
    unsigned dx = x1 - x0, dy = y1 > y0 ? y1 - y0 : y0 - y1, steps = dx > dy ? dx : dy;
    for (unsigned i = 0; i <= steps; i++) {
        double share = steps ? (double)i / steps : 0;
        set_dot(plot, (unsigned)(x0 + share * dx + 0.5),
                (unsigned)(y0 + share * ((double)y1 - (double)y0) + 0.5), owner);
    }
}

static void draw_series(struct plot *plot, const struct ynode *points, uint8_t owner) {
    unsigned last_x = 0, last_y = 0;
    bool has_last = false;
    double time, value;
    for (uint32_t i = 0; ynode_item(points, i); i++) {
        bool is_there = point_of(points, i, &time, &value) && isfinite(value);
        if (is_there) {
            unsigned x = scaled(time, plot->time_low, plot->time_high, plot->columns * 2);
            unsigned y = plot->rows * 4 - 1 - scaled(value, plot->low, plot->high, plot->rows * 4);
            if (has_last && x >= last_x)
                draw_line(plot, last_x, last_y, x, y, owner);
            else
                set_dot(plot, x, y, owner);
            last_x = x;
            last_y = y;
        }
        has_last = is_there;
    }
}

static void put_braille(uint8_t dots, struct buf *out) {
    const char text[] = {(char)0xe2, (char)(0xa0 | dots >> 6), (char)(0x80 | (dots & 0x3f))};
    buf_append(out, text, sizeof text);
}

static void put_row(const struct plot *plot, unsigned row, bool has_colours, struct buf *out) {
    double value = plot->high - (plot->high - plot->low) * (row + 0.5) / plot->rows;
    bool is_labelled = row == 0 || row + 1 == plot->rows || row == plot->rows / 2;
    int shown = -1;
    if (row == 0) value = plot->high;
    if (row + 1 == plot->rows) value = plot->low;
    char label[32] = "";
    if (is_labelled) snprintf(label, sizeof label, "%.5g", value);
    buf_printf(out, "%*s |", (int)LABEL_COLUMNS - 2, label);
    for (unsigned column = 0; column < plot->columns; column++) {
        size_t cell = (size_t)row * plot->columns + column;
        int owner = plot->dots[cell] ? plot->owners[cell] : -1;
        if (has_colours && owner >= 0 && owner != shown) buf_printf(out, "\033[%dm", colours[owner]);
        if (owner >= 0) shown = owner;
        if (plot->dots[cell])
            put_braille(plot->dots[cell], out);
        else
            buf_putc(out, ' ');
    }
    buf_puts(out, has_colours && shown >= 0 ? "\033[0m\n" : "\n");
}

static void put_times(const struct plot *plot, struct buf *out) {
    char texts[2][32];
    const double times[] = {plot->time_low, plot->time_high};
    const char *format = plot->time_high - plot->time_low >= 86400 ? "%m-%d %H:%M" : "%H:%M:%S";
    for (int i = 0; i < 2; i++) {
        time_t seconds = (time_t)times[i];
        struct tm utc;
        gmtime_r(&seconds, &utc);
        strftime(texts[i], sizeof texts[i], format, &utc);
    }
    int room = (int)plot->columns - (int)strlen(texts[0]);
    buf_printf(out, "%*s%s%*s\n", (int)LABEL_COLUMNS, "", texts[0], room > 0 ? room : 0, texts[1]);
}

static void put_legend(const struct ynode *result, bool has_colours, struct buf *out) {
    const struct ynode *series;
    for (uint32_t s = 0; (series = ynode_item(result, s)) && s < LEGEND_MAX; s++) {
        if (has_colours) buf_printf(out, "\033[%dm", colours[s % sizeof colours]);
        buf_printf(out, "%*s-- ", (int)LABEL_COLUMNS, "");
        (void)query_print_metric(ynode_at(series, "metric"), out);
        buf_puts(out, has_colours ? "\033[0m\n" : "\n");
    }
    if (result->count > LEGEND_MAX)
        buf_printf(out, "%*sand %u more\n", (int)LABEL_COLUMNS, "", result->count - LEGEND_MAX);
}

static unsigned within(unsigned value, unsigned least, unsigned most) {
    return value < least ? least : value > most ? most : value;
}

bool query_plot(const struct ynode *data, const struct plot_size *size, struct buf *out) {
    const struct ynode *result = ynode_at(data, "result"), *series;
    struct plot plot = {0};
    if (!span_is(ynode_text_at(data, "resultType"), "matrix") || !find_edges(result, &plot)) return false;
    plot.columns = within(size->columns, COLUMNS_MIN, COLUMNS_MAX) - LABEL_COLUMNS;
    plot.rows = within(size->rows, ROWS_MIN, ROWS_MAX);
    plot.dots = mem_array((size_t)plot.columns * plot.rows, 1);
    plot.owners = mem_array((size_t)plot.columns * plot.rows, 1);
    for (uint32_t s = 0; (series = ynode_item(result, s)); s++)
        draw_series(&plot, ynode_at(series, "values"), (uint8_t)(s % sizeof colours));
    for (unsigned row = 0; row < plot.rows; row++) put_row(&plot, row, size->has_colours, out);
    put_times(&plot, out);
    put_legend(result, size->has_colours, out);
    mem_free(plot.dots);
    mem_free(plot.owners);
    return true;
}
