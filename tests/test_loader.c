/* Images that threads read ahead: what comes, in which order, and what happens when something goes wrong. */
#include <criterion/criterion.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "data/loader.h"
#include "data/source.h"

enum { BYTES = 5, MOST_BUFFERS = 6, MOST_BATCH = 16 };

/* A source whose images come late, now this one and now that; `bad` ones (up to 100) do not come at all. */
struct odd_source {
    struct cupel_source source;
    bool bad[100];
    atomic_int reads;
};

static uint8_t pixel(int64_t row, int i) {
    return (uint8_t)(row * 7 + i);
}

static enum cupel_status read_late(const struct cupel_source *source, int64_t row, uint8_t *image,
                                   struct cupel_error *error) {
    struct odd_source *odd = (struct odd_source *)source;
    const int order = atomic_fetch_add(&odd->reads, 1);
    nanosleep(&(struct timespec){.tv_nsec = (row * 37 + order * 11) % 13 * 20000}, NULL);
    for (int i = 0; i < BYTES; i++) image[i] = pixel(row, i);
    return odd->bad[row] ? cupel_fail(error, CUPEL_INVALID, "image %lld is bad", (long long)row) : CUPEL_OK;
}

/* A loader, what it fills, and where it reads from. */
struct rig {
    uint8_t *buffers[MOST_BUFFERS];
    struct odd_source odd;
    struct cupel_dataset_split split;
    struct loader *loader;
};

static void rig_open(struct rig *rig, int64_t count, int threads, int buffers) {
    struct cupel_error error = {0};
    memset(rig, 0, sizeof *rig);
    rig->odd.source.read = read_late;
    rig->split = (struct cupel_dataset_split){.count = count, .source = &rig->odd.source};
    for (int i = 0; i < buffers; i++) rig->buffers[i] = malloc(MOST_BATCH * BYTES);
    cr_assert_eq(loader_open(threads, &(struct loader_room){rig->buffers, buffers}, &rig->loader, &error),
                 CUPEL_OK, "%s", error.message);
}

static void rig_close(struct rig *rig) {
    loader_close(rig->loader);
    free(rig->split.images);
    for (int i = 0; i < MOST_BUFFERS; i++) free(rig->buffers[i]);
}

static void start(struct rig *rig, const int32_t *rows, int64_t first, int64_t end, int64_t batch) {
    struct cupel_error error = {0};
    const struct loader_pass pass = {&rig->split, BYTES, rows, first, end, batch};
    cr_assert_eq(loader_start(rig->loader, &pass, &error), CUPEL_OK, "%s", error.message);
}

/* Expects the images at these places next. */
static void expect_batch(struct rig *rig, const int32_t *rows, int64_t first, int64_t count) {
    const uint8_t *images;
    struct cupel_error error = {0};
    cr_assert_eq(loader_next(rig->loader, &images, &error), CUPEL_OK, "%s", error.message);
    for (int64_t p = 0; p < count; p++) {
        const int64_t row = rows ? rows[first + p] : first + p;
        for (int i = 0; i < BYTES; i++)
            cr_assert_eq(images[p * BYTES + i], pixel(row, i), "place %lld", (long long)(first + p));
    }
}

static void expect_pass(struct rig *rig, const int32_t *rows, int64_t first, int64_t end, int64_t batch) {
    start(rig, rows, first, end, batch);
    for (int64_t place = first; place < end; place += batch) {
        expect_batch(rig, rows, place, end - place < batch ? end - place : batch);
        if (place > first) loader_release(rig->loader); /* the one before: two are held now and then */
    }
}

/* 97 places in an order of their own. */
static const int32_t *some_order(void) {
    static int32_t rows[97];
    for (int i = 0; i < 97; i++) rows[i] = (i * 31 + 5) % 97;
    return rows;
}

static void put_in_memory(struct rig *rig) {
    rig->split.source = NULL;
    rig->split.images = malloc((size_t)rig->split.count * BYTES);
    for (int64_t row = 0; row < rig->split.count; row++)
        for (int i = 0; i < BYTES; i++) rig->split.images[row * BYTES + i] = pixel(row, i);
}

/* Whatever the threads and buffers, from memory or from a source, with a remainder and from the middle on. */
Test(loader, batches_come_whole_and_in_order) {
    const int32_t *order = some_order();
    for (int threads = 1; threads <= 4; threads++)
        for (int buffers = 2; buffers <= MOST_BUFFERS; buffers += 2)
            for (int memory = 0; memory < 2; memory++) {
                struct rig rig;
                rig_open(&rig, 97, threads, buffers);
                if (memory) put_in_memory(&rig);
                expect_pass(&rig, order, 0, 97, 8);
                expect_pass(&rig, NULL, 0, 97, 16);
                expect_pass(&rig, order, 24, 96, 8);
                expect_pass(&rig, NULL, 96, 97, 1);
                expect_pass(&rig, order, 5, 8, 16);
                rig_close(&rig);
            }
}

Test(loader, only_what_is_asked_for_is_read_and_no_further_ahead_than_there_is_room) {
    struct rig rig;
    rig_open(&rig, 97, 3, 3);
    start(&rig, NULL, 0, 96, 8);
    expect_batch(&rig, NULL, 0, 8);
    nanosleep(&(struct timespec){.tv_nsec = 100000000}, NULL);
    cr_expect_eq(rig.odd.reads, 24, "%d images were read into three buffers of 8", rig.odd.reads);
    loader_release(rig.loader);
    for (int place = 8; place < 96; place += 8) {
        expect_batch(&rig, NULL, place, 8);
        loader_release(rig.loader);
    }
    cr_expect_eq(rig.odd.reads, 96);
    rig_close(&rig);
}

Test(loader, a_held_buffer_is_not_written_to) {
    struct rig rig;
    const uint8_t *held, *next;
    uint8_t copy[8 * BYTES];
    rig_open(&rig, 97, 4, 2);
    start(&rig, NULL, 0, 96, 8);
    cr_assert_eq(loader_next(rig.loader, &held, NULL), CUPEL_OK);
    memcpy(copy, held, sizeof copy);
    cr_assert_eq(loader_next(rig.loader, &next, NULL), CUPEL_OK);
    nanosleep(&(struct timespec){.tv_nsec = 50000000}, NULL);
    cr_expect_eq(memcmp(copy, held, sizeof copy), 0);
    cr_expect_neq(held, next);
    loader_release(rig.loader);
    cr_assert_eq(loader_next(rig.loader, &next, NULL), CUPEL_OK);
    cr_expect_eq(next, held, "the oldest buffer is the one that was given back");
    rig_close(&rig);
}

Test(loader, the_first_bad_image_of_a_batch_is_told_when_the_batch_would_come) {
    const int32_t *order = some_order();
    for (int threads = 1; threads <= 4; threads++) {
        struct rig rig;
        struct cupel_error error = {0};
        const uint8_t *images;
        char expected[40];
        rig_open(&rig, 97, threads, 4);
        rig.odd.bad[order[22]] = rig.odd.bad[order[19]] = rig.odd.bad[order[24]] = true;
        start(&rig, order, 0, 97, 8);
        expect_batch(&rig, order, 0, 8);
        expect_batch(&rig, order, 8, 8);
        loader_release(rig.loader);
        snprintf(expected, sizeof expected, "image %d is bad", order[19]);
        for (int again = 0; again < 2; again++) {
            error = (struct cupel_error){0};
            cr_assert_eq(loader_next(rig.loader, &images, &error), CUPEL_INVALID);
            cr_expect_str_eq(error.message, expected);
        }
        expect_pass(&rig, order, 32, 97, 8); /* and things can go on elsewhere */
        rig_close(&rig);
    }
}

Test(loader, a_pass_may_be_left_at_any_time) {
    struct rig rig;
    for (int taken = 0; taken < 6; taken++) {
        rig_open(&rig, 97, 3, 4);
        start(&rig, NULL, 0, 97, 8);
        for (int i = 0; i < taken; i++) {
            expect_batch(&rig, NULL, 8 * i, 8);
            if (i > 1) loader_release(rig.loader);
        }
        expect_pass(&rig, some_order(), 0, 97, 8);
        start(&rig, NULL, 0, 97, 8);
        rig_close(&rig); /* amid everything */
    }
    rig_open(&rig, 97, 3, 4);
    rig_close(&rig); /* never started */
    loader_close(NULL);
}

Test(loader, what_will_not_come_is_not_waited_for) {
    struct rig rig;
    const uint8_t *images;
    rig_open(&rig, 97, 2, 2);
    start(&rig, NULL, 0, 12, 8);
    expect_batch(&rig, NULL, 0, 8);
    expect_batch(&rig, NULL, 8, 4);
    cr_expect_eq(loader_next(rig.loader, &images, NULL), CUPEL_INVALID); /* the pass is over */
    start(&rig, NULL, 0, 97, 8);
    expect_batch(&rig, NULL, 0, 8);
    expect_batch(&rig, NULL, 8, 8);
    cr_expect_eq(loader_next(rig.loader, &images, NULL), CUPEL_INVALID); /* both buffers are held */
    rig_close(&rig);
}
