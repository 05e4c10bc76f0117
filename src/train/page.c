#include "train/page.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>

void page_text(struct buffer *page, const char *text) {
    for (; *text; text++) {
        unsigned char c = (unsigned char)*text;
        if (c == '<')
            buffer_text(page, "&lt;");
        else if (c == '>')
            buffer_text(page, "&gt;");
        else if (c == '&')
            buffer_text(page, "&amp;");
        else if (c == '"')
            buffer_text(page, "&quot;");
        else if (c >= ' ' || c == '\n' || c == '\t')
            buffer_add(page, text, 1);
    }
}

void page_count(struct buffer *page, int64_t number) {
    char digits[32];
    int length = snprintf(digits, sizeof digits, "%" PRId64, number);
    for (int i = 0; i < length; i++) {
        if (i > 0 && digits[i - 1] != '-' && (length - i) % 3 == 0) buffer_text(page, ",");
        buffer_add(page, digits + i, 1);
    }
}

/* ---- charts ---- */

enum { WIDTH = 720, HEIGHT = 300, LEFT = 80, RIGHT = 16, TOP = 40, BOTTOM = 46, MAX_POINTS = 500 };

/* The range of one axis and the distance of its ticks. */
struct axis {
    double low, high, tick;
};

/* 1, 2 or 5 times a power of ten: the least such distance with at most `count` ticks. */
static double nice_tick(double range, int count) {
    double least = range / count, power = pow(10, floor(log10(least)));
    double times = least / power;
    return power * (times <= 1 ? 1 : times <= 2 ? 2 : times <= 5 ? 5 : 10);
}

static struct axis settle_axis(double low, double high, int count, bool widen) {
    if (!(high > low)) {
        double room = low == 0 ? 1 : fabs(low); /* a constant: show it with the zero */
        low -= room;
        high += room;
    }
    double tick = nice_tick(high - low, count);
    if (!widen) return (struct axis){low, high, tick};
    return (struct axis){floor(low / tick + 1e-9) * tick, ceil(high / tick - 1e-9) * tick, tick};
}

static double place_x(const struct axis *axis, double x) {
    return LEFT + (x - axis->low) / (axis->high - axis->low) * (WIDTH - LEFT - RIGHT);
}

static double place_y(const struct axis *axis, double y) {
    return HEIGHT - BOTTOM - (y - axis->low) / (axis->high - axis->low) * (HEIGHT - TOP - BOTTOM);
}

static bool drawable(const struct series *series, size_t i) {
    return isfinite(series->x[i]) && isfinite(series->y[i]);
}

static bool find_axes(const struct chart *chart, struct axis *x, struct axis *y) {
    double low_x = INFINITY, high_x = -INFINITY, low_y = INFINITY, high_y = -INFINITY;
    for (size_t s = 0; s < chart->count; s++) {
        const struct series *series = &chart->series[s];
        for (size_t i = 0; i < series->count; i++) {
            if (!drawable(series, i)) continue;
            low_x = fmin(low_x, series->x[i]), high_x = fmax(high_x, series->x[i]);
            low_y = fmin(low_y, series->y[i]), high_y = fmax(high_y, series->y[i]);
        }
    }
    if (low_x > high_x) return false;
    *x = settle_axis(fmin(low_x, 0), high_x, 8, false);
    x->tick = fmax(x->tick, 1); /* steps are whole */
    *y = settle_axis(low_y, high_y, 6, true);
    return true;
}

static void add_axes(struct buffer *page, const struct chart *chart, const struct axis *x,
                     const struct axis *y) {
    const int right = WIDTH - RIGHT, bottom = HEIGHT - BOTTOM;
    for (int i = 0; y->low + i * y->tick <= y->high + y->tick / 2; i++) {
        double value = y->low + i * y->tick, at = place_y(y, value);
        if (fabs(value) < y->tick / 1e6) value = 0;
        buffer_format(page, "<line class='grid' x1='%d' x2='%d' y1='%.1f' y2='%.1f'/>", LEFT, right, at, at);
        buffer_format(page, "<text x='%d' y='%.1f' text-anchor='end'>%.6g</text>\n", LEFT - 8, at + 4, value);
    }
    double first = ceil(x->low / x->tick) * x->tick;
    for (int i = 0; first + i * x->tick <= x->high; i++) {
        double value = first + i * x->tick, at = place_x(x, value);
        buffer_format(page, "<line class='axis' x1='%.1f' x2='%.1f' y1='%d' y2='%d'/>", at, at, bottom,
                      bottom + 4);
        buffer_format(page, "<text x='%.1f' y='%d' text-anchor='middle'>", at, bottom + 18);
        page_count(page, llround(value));
        buffer_text(page, "</text>\n");
    }
    buffer_format(page, "<line class='axis' x1='%d' x2='%d' y1='%d' y2='%d'/>", LEFT, right, bottom, bottom);
    buffer_format(page, "<text x='%d' y='%d' text-anchor='middle'>", (LEFT + right) / 2, HEIGHT - 8);
    page_text(page, chart->x_title);
    buffer_format(page, "</text>\n<text transform='translate(14 %d) rotate(-90)' text-anchor='middle'>",
                  (TOP + bottom) / 2);
    page_text(page, chart->y_title);
    buffer_text(page, "</text>\n");
}

/* The mean of points [from, to), which are neighbours; false if none is drawable. */
static bool mean_point(const struct series *series, size_t from, size_t to, double *x, double *y) {
    size_t count = 0;
    *x = *y = 0;
    for (size_t i = from; i < to && i < series->count; i++) {
        if (!drawable(series, i)) continue;
        *x += series->x[i];
        *y += series->y[i];
        count++;
    }
    *x /= (double)count;
    *y /= (double)count;
    return count > 0;
}

static void add_series(struct buffer *page, const struct series *series, const struct axis *x,
                       const struct axis *y) {
    size_t group = (series->count + MAX_POINTS - 1) / MAX_POINTS;
    bool pen_down = false;
    double at_x, at_y;
    buffer_format(page, "<path class='line %s' d='", series->style);
    for (size_t i = 0; i < series->count; i += group) {
        bool point = mean_point(series, i, i + group, &at_x, &at_y);
        if (point)
            buffer_format(page, "%c%.1f %.1f", pen_down ? 'L' : 'M', place_x(x, at_x), place_y(y, at_y));
        pen_down = point;
    }
    buffer_text(page, "'/>\n");
    /* A lone point leaves no line, so it gets its mark in any case. */
    for (size_t i = 0; (series->marks || series->count == 1) && i < series->count; i += group) {
        if (!mean_point(series, i, i + group, &at_x, &at_y)) continue;
        buffer_format(page, "<circle class='mark %s' cx='%.1f' cy='%.1f' r='3.5'><title>", series->style,
                      place_x(x, at_x), place_y(y, at_y));
        page_text(page, series->name);
        buffer_format(page, " %.5g at %.0f</title></circle>\n", at_y, at_x);
    }
}

static void add_legend(struct buffer *page, const struct chart *chart) {
    int at = WIDTH - RIGHT - 110 * (int)chart->count;
    for (size_t s = 0; chart->count > 1 && s < chart->count; s++, at += 110) {
        buffer_format(page, "<line class='line %s' x1='%d' x2='%d' y1='18' y2='18'/><text x='%d' y='22'>",
                      chart->series[s].style, at, at + 22, at + 28);
        page_text(page, chart->series[s].name);
        buffer_text(page, "</text>\n");
    }
}

void page_chart(struct buffer *page, const struct chart *chart) {
    struct axis x, y;
    buffer_text(page, "<figure>");
    if (find_axes(chart, &x, &y)) {
        buffer_format(page, "<svg viewBox='0 0 %d %d' role='img' aria-label=\"", WIDTH, HEIGHT);
        page_text(page, chart->title);
        buffer_format(page, "\">\n<text class='title' x='%d' y='22'>", LEFT);
        page_text(page, chart->title);
        buffer_text(page, "</text>\n");
        add_axes(page, chart, &x, &y);
        for (size_t s = 0; s < chart->count; s++) add_series(page, &chart->series[s], &x, &y);
        add_legend(page, chart);
        buffer_text(page, "</svg>");
    } else {
        buffer_text(page, "<p class='quiet'>");
        page_text(page, chart->title);
        buffer_text(page, ": nothing was measured.</p>");
    }
    buffer_text(page, "</figure>\n");
}
