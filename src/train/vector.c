/* Arithmetic with latents: "a.safetensors:0,4 - b.safetensors:0-2 + c.safetensors:3". */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "train/latents.h"

enum { MOST_SHOWN = 300 }; /* bytes of an expression in a message */

struct parser {
    const char *text, *at;
    double sign; /* of the next term */
    double *sum; /* of the terms so far; NULL before the first */
    int64_t terms;
    struct cupel_latents *out; /* with room for every term and the sum, once the shape is known */
    struct cupel_error *error;
};

/* Complains about the place `at`, which is marked under the expression. */
static enum cupel_status refuse(const struct parser *parser, const char *at, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
static enum cupel_status refuse(const struct parser *parser, const char *at, const char *format, ...) {
    char message[700];
    int column = 0;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    for (const char *c = parser->text; c < at; c++) column += ((unsigned char)*c & 0xC0) != 0x80;
    const char *end = parser->text + strnlen(parser->text, MOST_SHOWN);
    if (at > end)
        cupel_fail(parser->error, CUPEL_INVALID, "vector, column %d: %s", column + 1, message);
    else
        cupel_fail(parser->error, CUPEL_INVALID, "vector, column %d: %s\n    %.*s\n    %*s^", column + 1,
                   message, MOST_SHOWN, parser->text, column, "");
    return CUPEL_INVALID;
}

/* ---- a term ---- */

/* The mean of rows of a file. */
struct term {
    const char *file; /* in the expression */
    struct cupel_latents latents;
    int64_t size;  /* numbers of a latent */
    double *mean;  /* while rows are added, their sum */
    int64_t rows;  /* so far */
    int32_t label; /* of the first */
};

static enum cupel_status add_rows(const struct parser *parser, struct term *term, const char *at,
                                  int64_t first, int64_t last) {
    const int64_t count = term->latents.count;
    if (first > last) return refuse(parser, at, "rows go up: write %" PRId64 "-%" PRId64, last, first);
    if (last >= count)
        return refuse(parser, at, "there is no row %" PRId64 "; the file has rows 0 to %" PRId64, last,
                      count - 1);
    if (!term->rows && term->latents.labels) term->label = term->latents.labels[first];
    for (int64_t row = first; row <= last; row++)
        for (int64_t i = 0; i < term->size; i++)
            term->mean[i] += (double)term->latents.noise[row * term->size + i];
    term->rows += last - first + 1;
    return CUPEL_OK;
}

/* Reads digits; false when there are none, or too many for a row. */
static bool read_row(const char **at, int64_t *row) {
    const size_t length = strspn(*at, "0123456789");
    if (length < 1 || length > 15) return false;
    *row = strtoll(*at, NULL, 10);
    *at += length;
    return true;
}

/* Reads "0,4-7" up to the end of the term. */
static enum cupel_status read_rows(const struct parser *parser, struct term *term, const char *at,
                                   const char *end) {
    for (;; at++) {
        const char *start = at;
        int64_t first = 0, last;
        bool good = read_row(&at, &first);
        last = first;
        if (good && *at == '-') {
            at++;
            good = read_row(&at, &last);
        }
        if (!good || (at < end && *at != ','))
            return refuse(parser, at, "rows are numbers from 0 on, such as 3, 0-4 or 0,4,7");
        CUPEL_TRY(add_rows(parser, term, start, first, last));
        if (at == end) return CUPEL_OK;
    }
}

static enum cupel_status load(const struct parser *parser, struct term *term, const char *colon) {
    struct cupel_error reason = {0};
    char *path = strndup(term->file, (size_t)(colon - term->file));
    if (!path) return cupel_fail(parser->error, CUPEL_NOMEM, "no memory for a file name");
    const enum cupel_status status = cupel_latents_load(path, &term->latents, &reason);
    free(path);
    if (status == CUPEL_INVALID) return refuse(parser, term->file, "%s", reason.message);
    if (status) {
        cupel_fail(parser->error, status, "%s", reason.message);
        return status;
    }
    char had[120], wanted[120];
    const struct cupel_shape *shape = &parser->out->shape;
    if (parser->terms && !cupel_shape_equal(shape, &term->latents.shape))
        return refuse(parser, term->file, "its latents have shape %s, those before %s",
                      cupel_shape_text(&term->latents.shape, had, sizeof had),
                      cupel_shape_text(shape, wanted, sizeof wanted));
    if (parser->terms && !parser->out->labels != !term->latents.labels)
        return refuse(parser, term->file, "its latents have %s labels, unlike those before",
                      term->latents.labels ? "" : "no");
    term->size = cupel_shape_count(&term->latents.shape);
    term->mean = calloc((size_t)term->size, sizeof *term->mean);
    return term->mean ? CUPEL_OK : cupel_fail(parser->error, CUPEL_NOMEM, "no memory for a latent");
}

/* ---- the expression ---- */

/* No expression has more terms than half of its characters. */
static enum cupel_status begin(struct parser *parser, const struct term *term) {
    const int64_t room = (int64_t)strlen(parser->text) / 2 + 2;
    CUPEL_TRY(
        latents_make(room, &term->latents.shape, term->latents.labels != NULL, parser->out, parser->error));
    parser->sum = calloc((size_t)cupel_shape_count(&parser->out->shape), sizeof *parser->sum);
    return parser->sum ? CUPEL_OK : cupel_fail(parser->error, CUPEL_NOMEM, "no memory for a latent");
}

static void add(struct parser *parser, const struct term *term) {
    struct cupel_latents *out = parser->out;
    for (int64_t i = 0; i < term->size; i++) {
        const double mean = term->mean[i] / (double)term->rows;
        out->noise[parser->terms * term->size + i] = (float)mean;
        parser->sum[i] += parser->sign * mean;
    }
    if (out->labels) out->labels[parser->terms] = term->label;
    parser->terms++;
}

static enum cupel_status read_term(struct parser *parser, struct term *term) {
    const char *end = parser->at + strcspn(parser->at, " ");
    const char *colon = memrchr(parser->at, ':', (size_t)(end - parser->at));
    term->file = parser->at;
    if (!colon || colon == parser->at)
        return refuse(parser, parser->at, "a term is FILE:ROWS, such as latents.safetensors:3");
    CUPEL_TRY(load(parser, term, colon));
    CUPEL_TRY(read_rows(parser, term, colon + 1, end));
    if (!parser->terms) CUPEL_TRY(begin(parser, term));
    add(parser, term);
    parser->at = end + strspn(end, " ");
    return CUPEL_OK;
}

static enum cupel_status read_operator(struct parser *parser) {
    const char *at = parser->at;
    if ((*at != '+' && *at != '-') || (at[1] != ' ' && at[1] != '\0'))
        return refuse(parser, at, "terms are joined by ' + ' or ' - ', with spaces round them");
    parser->sign = *at == '+' ? 1 : -1;
    parser->at = at + 1 + strspn(at + 1, " ");
    return CUPEL_OK;
}

static enum cupel_status read_all(struct parser *parser) {
    parser->at = parser->text + strspn(parser->text, " ");
    do {
        struct term term = {0};
        if (parser->terms) CUPEL_TRY(read_operator(parser));
        const enum cupel_status status = read_term(parser, &term);
        cupel_latents_free(&term.latents);
        free(term.mean);
        if (status) return status;
    } while (*parser->at);
    return CUPEL_OK;
}

enum cupel_status cupel_latents_vector(const char *expression, struct cupel_latents *latents,
                                       struct cupel_error *error) {
    struct parser parser = {.text = expression, .sign = 1, .out = latents, .error = error};
    *latents = (struct cupel_latents){0};
    const enum cupel_status status = read_all(&parser);
    if (status == CUPEL_OK) {
        const int64_t size = cupel_shape_count(&latents->shape);
        for (int64_t i = 0; i < size; i++) latents->noise[parser.terms * size + i] = (float)parser.sum[i];
        if (latents->labels) latents->labels[parser.terms] = latents->labels[0];
        latents->count = parser.terms + 1;
    } else {
        cupel_latents_free(latents);
    }
    free(parser.sum);
    return status;
}
