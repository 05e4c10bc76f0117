#include "data/loader.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "data/source.h"

/* A buffer and the batch that it takes: batch b lies in slot b % slot_count. */
struct slot {
    uint8_t *buffer;
    int64_t done;             /* images of the batch, bad ones too */
    int64_t bad;              /* place of the first bad one in the batch; -1: none so far */
    struct cupel_error error; /* what is wrong with it */
};

struct loader {
    pthread_mutex_t lock; /* of all that changes below */
    pthread_cond_t work;  /* there may be something to do for a thread */
    pthread_cond_t done;  /* a thread has done something */
    pthread_t *threads;
    int thread_room, thread_count;
    bool closing;
    int busy; /* threads that read images */
    struct slot *slots;
    int slot_count;
    /* The pass. Places count its images from 0. */
    struct loader_pass pass;
    int32_t *rows;           /* NULL: all */
    int64_t count, next;     /* images in all, and the place of the next one to be read */
    int64_t taken, released; /* batches that were handed out, and given back */
};

/* ---- a thread ---- */

/* Images that a thread reads before it asks for others: one to decode, or many where each is soon copied. */
enum { GRAIN = 32 };

static bool has_work(const struct loader *loader) {
    return loader->next < loader->count &&
           loader->next / loader->pass.batch < loader->released + loader->slot_count;
}

/* Reads images [place, place + count), which are in one batch; the place in it of the first bad one, or -1. */
static int64_t read_images(const struct loader *loader, int64_t place, int64_t count, uint8_t *buffer,
                           struct cupel_error *error) {
    const struct loader_pass *pass = &loader->pass;
    int64_t bad = -1;
    for (int64_t i = place; i < place + count; i++) {
        const int64_t inside = i % pass->batch;
        const int64_t row = loader->rows ? loader->rows[i] : pass->first + i;
        struct cupel_error reason = {0};
        uint8_t *image = buffer + (size_t)inside * pass->bytes;
        if (!source_read(pass->split, pass->bytes, row, image, &reason)) continue;
        if (bad < 0) *error = reason;
        if (bad < 0) bad = inside;
    }
    return bad;
}

/* Does one thing that is to be done; the lock is held before and after, not while images are read. */
static void work_once(struct loader *loader) {
    const int64_t batch = loader->pass.batch, place = loader->next;
    const int64_t grain = loader->pass.split->source ? 1 : GRAIN;
    const int64_t left = batch - place % batch, rest = loader->count - place;
    int64_t count = grain < left ? grain : left;
    if (rest < count) count = rest;
    struct slot *slot = &loader->slots[place / batch % loader->slot_count];
    struct cupel_error error = {0};
    loader->next += count;
    loader->busy++;
    pthread_mutex_unlock(&loader->lock);
    const int64_t bad = read_images(loader, place, count, slot->buffer, &error);
    pthread_mutex_lock(&loader->lock);
    loader->busy--;
    slot->done += count;
    if (bad >= 0 && (slot->bad < 0 || bad < slot->bad)) {
        slot->bad = bad;
        slot->error = error;
    }
    pthread_cond_signal(&loader->done);
}

static void *work(void *context) {
    struct loader *loader = context;
    pthread_mutex_lock(&loader->lock);
    while (!loader->closing) {
        if (has_work(loader))
            work_once(loader);
        else
            pthread_cond_wait(&loader->work, &loader->lock);
    }
    pthread_mutex_unlock(&loader->lock);
    return NULL;
}

/* ---- beginning and end ---- */

enum cupel_status loader_open(int threads, const struct loader_room *room, struct loader **loader,
                              struct cupel_error *error) {
    struct loader *made = calloc(1, sizeof *made);
    struct slot *slots = calloc((size_t)room->count, sizeof *slots);
    pthread_t *ids = calloc((size_t)threads, sizeof *ids);
    if (!made || !slots || !ids) {
        free(made);
        free(slots);
        free(ids);
        return cupel_fail(error, CUPEL_NOMEM, "no memory to read images ahead");
    }
    *made =
        (struct loader){.threads = ids, .thread_room = threads, .slots = slots, .slot_count = room->count};
    for (int i = 0; i < room->count; i++) slots[i].buffer = room->buffers[i];
    pthread_mutex_init(&made->lock, NULL);
    pthread_cond_init(&made->work, NULL);
    pthread_cond_init(&made->done, NULL);
    *loader = made;
    return CUPEL_OK;
}

/* Starts the threads, in which no signal of the caller's is handled. */
static enum cupel_status start_threads(struct loader *loader, struct cupel_error *error) {
    sigset_t all, before;
    int reason = 0;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    while (!reason && loader->thread_count < loader->thread_room) {
        reason = pthread_create(&loader->threads[loader->thread_count], NULL, work, loader);
        if (!reason) loader->thread_count++;
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (!reason) return CUPEL_OK;
    return cupel_fail(error, CUPEL_FAILED,
                      "a thread that reads images cannot be started: %s; use fewer `data.workers`",
                      strerror(reason));
}

void loader_close(struct loader *loader) {
    if (!loader) return;
    pthread_mutex_lock(&loader->lock);
    loader->closing = true;
    pthread_cond_broadcast(&loader->work);
    pthread_mutex_unlock(&loader->lock);
    for (int i = 0; i < loader->thread_count; i++) pthread_join(loader->threads[i], NULL);
    pthread_cond_destroy(&loader->work);
    pthread_cond_destroy(&loader->done);
    pthread_mutex_destroy(&loader->lock);
    free(loader->threads);
    free(loader->slots);
    free(loader->rows);
    free(loader);
}

/* ---- passes ---- */

static void empty(struct slot *slot) {
    slot->done = 0;
    slot->bad = -1;
}

/* Ends the pass under way; the lock is held. */
static void stop(struct loader *loader) {
    loader->count = loader->next = 0;
    while (loader->busy) pthread_cond_wait(&loader->done, &loader->lock);
    free(loader->rows);
    loader->rows = NULL;
}

/* Begins a pass whose rows have been copied; the lock is held. */
static void begin(struct loader *loader, const struct loader_pass *pass, int32_t *rows) {
    loader->pass = *pass;
    loader->rows = rows;
    loader->count = pass->end - pass->first;
    loader->taken = loader->released = 0;
    for (int i = 0; i < loader->slot_count; i++) empty(&loader->slots[i]);
}

enum cupel_status loader_start(struct loader *loader, const struct loader_pass *pass,
                               struct cupel_error *error) {
    const size_t count = (size_t)(pass->end - pass->first);
    int32_t *rows = pass->rows ? reallocarray(NULL, count + 1, sizeof *rows) : NULL;
    if (pass->rows && !rows)
        return cupel_fail(error, CUPEL_NOMEM, "no memory for the order of %zu images", count);
    if (rows) memcpy(rows, pass->rows + pass->first, count * sizeof *rows);
    pthread_mutex_lock(&loader->lock);
    stop(loader);
    begin(loader, pass, rows);
    pthread_cond_broadcast(&loader->work);
    pthread_mutex_unlock(&loader->lock);
    return start_threads(loader, error);
}

enum cupel_status loader_next(struct loader *loader, const uint8_t **images, struct cupel_error *error) {
    pthread_mutex_lock(&loader->lock);
    const int64_t batch = loader->pass.batch, left = loader->count - loader->taken * batch;
    const struct slot *slot = &loader->slots[loader->taken % loader->slot_count];
    /* A buffer that the caller still holds would never be filled. */
    const bool comes = left > 0 && loader->taken < loader->released + loader->slot_count;
    while (comes && slot->done < (left < batch ? left : batch))
        pthread_cond_wait(&loader->done, &loader->lock);
    enum cupel_status status = CUPEL_OK;
    if (!comes)
        status = cupel_fail(error, CUPEL_INVALID, "no batch of images is left, or no buffer for it");
    else if (slot->bad >= 0)
        status = cupel_fail(error, slot->error.status, "%s", slot->error.message);
    *images = slot->buffer;
    loader->taken += status == CUPEL_OK;
    pthread_mutex_unlock(&loader->lock);
    return status;
}

void loader_release(struct loader *loader) {
    pthread_mutex_lock(&loader->lock);
    empty(&loader->slots[loader->released++ % loader->slot_count]);
    pthread_cond_broadcast(&loader->work);
    pthread_mutex_unlock(&loader->lock);
}
