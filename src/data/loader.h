/* Images read ahead, batch by batch, by threads of its own. */
#ifndef CUPEL_DATA_LOADER_H
#define CUPEL_DATA_LOADER_H

#include "cupel/data.h"

struct loader;

/* What a loader fills: `count` buffers, 2 or more, each with room for the largest batch. They stay the caller's. */
struct loader_room {
    uint8_t *const *buffers;
    int count;
};

/* Which images come, in which order. */
struct loader_pass {
    const struct cupel_dataset_split *split; /* stays until the pass is over */
    size_t bytes;                            /* of one of its images */
    const int32_t *rows;                     /* of the split, copied; NULL: all, as they lie */
    int64_t first,
        end; /* the images are rows[first..end), `batch` at a time; the last batch may be smaller */
    int64_t batch;
};

/* A loader of `threads` threads, which are started by the first pass. Free it with loader_close. */
enum cupel_status loader_open(int threads, const struct loader_room *room, struct loader **loader,
                              struct cupel_error *error);
/* Waits for what the threads have under way, and ends them. NULL is allowed. */
void loader_close(struct loader *loader);

/* Begins a pass; what was left of the one before it is dropped, and so are the buffers that the caller holds. */
enum cupel_status loader_start(struct loader *loader, const struct loader_pass *pass,
                               struct cupel_error *error);

/* Waits for the pass's next batch. Its buffer stays as it is until loader_release. Batches come in order, whatever the threads do;
 * so do failures: that of a batch is what is wrong with the first bad image in it, and comes when the batch would. */
enum cupel_status loader_next(struct loader *loader, const uint8_t **images, struct cupel_error *error);

/* Gives back the oldest buffer that loader_next has handed out. */
void loader_release(struct loader *loader);

#endif
