/* A page about a run, to look at in a browser. */
#ifndef CUPEL_REPORT_H
#define CUPEL_REPORT_H

#include "cupel/train.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Writes `report.html` into the run's directory, `options->out`: the curves of its metrics.jsonl, the
 * confusion matrix and the mistakes of `result`, the model file, and how the run was made. The page is one
 * file that loads nothing else. Call it with what cupel_train was called with and what it gave; `result` of a
 * run that was stopped has no evaluation, and the page leaves out what belongs to it. Reads the data set
 * again if there are mistakes to show. Of a gan it shows the curves, the samples and the warnings; also after a run that
 * failed. CUPEL_INVALID, CUPEL_IO: a file cannot be read or written. */
enum cupel_status cupel_report_write(const struct cupel_model *model,
                                     const struct cupel_train_options *options,
                                     const struct cupel_train_result *result, struct cupel_error *error);

#ifdef __cplusplus
}
#endif
#endif
