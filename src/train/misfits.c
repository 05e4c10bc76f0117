#include "train/misfits.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const struct {
    const char *counted, *listed;
} words[MISFITS] = {
    [MISFIT_MISSING] = {"missing", "missing"},
    [MISFIT_OTHER] = {"of another shape or type", "another"},
    [MISFIT_UNEXPECTED] = {"unexpected", "unexpected"},
};

void misfits_add(struct misfits *misfits, enum misfit kind, const char *format, ...) {
    const size_t room = (sizeof((struct cupel_error *)0)->message - 700) / MISFITS; /* for a kind */
    char line[1000];
    va_list list;
    va_start(list, format);
    vsnprintf(line, sizeof line, format, list);
    va_end(list);
    struct buffer *lines = &misfits->lines[kind];
    misfits->count[kind]++;
    if (misfits->listed[kind] == MISFITS_LISTED || lines->size + strlen(line) > room) return;
    misfits->listed[kind]++;
    buffer_format(lines, "\n    %s: %s", words[kind].listed, line);
}

enum cupel_status misfits_tell(const struct misfits *misfits, const char *head, const char *advice,
                               struct cupel_error *error) {
    struct buffer text = {0};
    int kinds = 0;
    for (int i = 0; i < MISFITS; i++)
        if (misfits->count[i])
            buffer_format(&text, "%s%d %s", kinds++ ? ", " : "", misfits->count[i], words[i].counted);
    if (!kinds) return CUPEL_OK;
    buffer_format(&text, "; %s", advice);
    for (int i = 0; i < MISFITS; i++) {
        const int left = misfits->count[i] - misfits->listed[i];
        if (misfits->lines[i].data) buffer_text(&text, misfits->lines[i].data);
        if (left) buffer_format(&text, "\n    and %d more %s", left, words[i].counted);
    }
    cupel_fail(error, CUPEL_INVALID, "%s: %s", head, text.data ? text.data : "no memory to say what");
    buffer_free(&text);
    return CUPEL_INVALID;
}

void misfits_free(struct misfits *misfits) {
    for (int i = 0; i < MISFITS; i++) buffer_free(&misfits->lines[i]);
}
