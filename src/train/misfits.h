/* What is wrong with a file of weights, collected so that one message tells all of it. */
#ifndef CUPEL_TRAIN_MISFITS_H
#define CUPEL_TRAIN_MISFITS_H

#include "base/buffer.h"
#include "cupel/status.h"

enum misfit {
    MISFIT_MISSING,    /* a tensor of the model that the file lacks */
    MISFIT_OTHER,      /* one that the file has in another shape or type */
    MISFIT_UNEXPECTED, /* one of the file that the model has no place for */
    MISFITS
};

struct misfits {
    struct buffer lines[MISFITS];
    int count[MISFITS], listed[MISFITS];
};

/* Adds a line. Of each kind so many are listed; others are only counted. */
enum { MISFITS_LISTED = 20 };
void misfits_add(struct misfits *misfits, enum misfit kind, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* CUPEL_OK when nothing is wrong; otherwise CUPEL_INVALID with "HEAD: 3 missing, 1 unexpected; ADVICE" and the lines. */
enum cupel_status misfits_tell(const struct misfits *misfits, const char *head, const char *advice,
                               struct cupel_error *error);

void misfits_free(struct misfits *misfits);

#endif
