/* Pieces of an HTML page, added to a buffer. */
#ifndef CUPEL_TRAIN_PAGE_H
#define CUPEL_TRAIN_PAGE_H

#include <stdint.h>

#include "base/buffer.h"

/* Adds text with what HTML would read as markup escaped, for content and for attributes in double quotes. */
void page_text(struct buffer *page, const char *text);

/* Adds a whole number with commas: 61,706. */
void page_count(struct buffer *page, int64_t number);

/* A curve: `count` points of (x, y). Values that are not finite break the line. */
struct series {
    const char *name;
    const char *style; /* the CSS class that gives it its colour */
    const double *x, *y;
    size_t count;
    bool marks; /* a dot at each point, whose tooltip shows the values */
};

struct chart {
    const char *title, *x_title, *y_title;
    const struct series *series;
    size_t count;
};

/* Adds an SVG line chart with axes, a grid and, for more than one series, a legend. Long series are thinned
 * to means of neighbours. Without a single point a sentence takes its place. */
void page_chart(struct buffer *page, const struct chart *chart);

#endif
