/* Files with one node and its numbers, for looking at a difference elsewhere. */
#ifndef CUPEL_CHECK_REPRO_H
#define CUPEL_CHECK_REPRO_H

#include "base/buffer.h"
#include "check/check.h"
#include "cupel/weights.h"

/* Saves the node to a file of the directory, named by its place in the check, and notes that in the item. */
enum cupel_status repro_save(const char *directory, const struct judge *judge, const struct single *single,
                             const struct evidence *evidence, int place, struct cupel_check_item *item,
                             struct cupel_error *error);

/* ---- attributes as JSON (attributes.c) ---- */

/* Adds the node's attributes as a JSON object, each by name. */
void attributes_write(enum op_id op, const union attr *attr, struct buffer *text);

struct cJSON;
/* Reads what attributes_write wrote. CUPEL_INVALID, with a message that begins with `file`, when one is missing, unknown or no
 * possible value; whether they fit together is for the op's infer to say. */
enum cupel_status attributes_read(const char *file, enum op_id op, const struct cJSON *object,
                                  union attr *attr, struct cupel_error *error);

#endif
