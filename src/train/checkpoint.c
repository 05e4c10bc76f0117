#include "train/checkpoint.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#include "io/file.h"
#include "train/path.h"

static const char *const optimizer_words[] = {
    [CUPEL_OPTIMIZER_SGD] = "sgd",         [CUPEL_OPTIMIZER_ADAM] = "adam",
    [CUPEL_OPTIMIZER_ADAMW] = "adamw",     [CUPEL_OPTIMIZER_RMSPROP] = "rmsprop",
    [CUPEL_OPTIMIZER_ADAGRAD] = "adagrad",
};

/* ---- what must be the same ---- */

enum { FACT_SEED, FACT_BATCH, FACT_TRAIN, FACT_VALIDATION, FACT_OPTIMIZER, FACT_UPDATES, FACT_MODEL, FACTS };
static const struct {
    const char *key, *advice;
} facts[FACTS] = {
    [FACT_SEED] = {"seed", "add --seed %s"},
    [FACT_BATCH] = {"batch", "add --batch %s"},
    [FACT_TRAIN] = {"train_images", "resume with the same data and `data.validation`"},
    [FACT_VALIDATION] = {"validation_images", "resume with the same data and `data.validation`"},
    [FACT_OPTIMIZER] = {"optimizer", "resume with the same `train.optimizer`"},
    [FACT_UPDATES] = {"discriminator_steps", "resume with the same `train.discriminator_steps`"},
    [FACT_MODEL] = {"model", NULL},
};
enum { FACT_ROOM = 40 };

/* What does not belong to the task is an empty text. */
static void fact_texts(const struct setup *setup, const struct checkpoint *checkpoint,
                       char texts[FACTS][FACT_ROOM]) {
    size_t length;
    const char *model = cupel_model_text(setup->model, &length);
    const int64_t numbers[] = {setup->train.seed, setup->train.batch, checkpoint->train_count,
                               checkpoint->validation_count};
    for (int i = FACT_SEED; i <= FACT_VALIDATION; i++) snprintf(texts[i], FACT_ROOM, "%" PRId64, numbers[i]);
    size_t used = 0;
    for (int i = 0; i < setup->learner_count; i++)
        used += (size_t)snprintf(texts[FACT_OPTIMIZER] + used, FACT_ROOM - used, "%s%s", i ? ", " : "",
                                 optimizer_words[setup->learners[i].optimizer->kind]);
    if (setup->train.ema > 0) snprintf(texts[FACT_OPTIMIZER] + used, FACT_ROOM - used, " with ema");
    texts[FACT_UPDATES][0] = '\0';
    if (cupel_model_task(setup->model) == CUPEL_TASK_GAN)
        snprintf(texts[FACT_UPDATES], FACT_ROOM, "%" PRId64, setup->train.gan.discriminator_steps);
    snprintf(texts[FACT_MODEL], FACT_ROOM, "%08lx", crc32_z(0, (const unsigned char *)model, length));
}

static enum cupel_status add_facts(const struct setup *setup, const struct checkpoint *checkpoint,
                                   struct cupel_weights *file, struct cupel_error *error) {
    char texts[FACTS][FACT_ROOM];
    fact_texts(setup, checkpoint, texts);
    for (int i = 0; i < FACTS; i++)
        if (*texts[i]) CUPEL_TRY(cupel_weights_set_metadata(file, facts[i].key, texts[i], error));
    return CUPEL_OK;
}

static enum cupel_status check_facts(const struct setup *setup, const struct checkpoint *checkpoint,
                                     const char *path, const struct cupel_weights *file, bool *changed,
                                     struct cupel_error *error) {
    char texts[FACTS][FACT_ROOM], advice[200];
    fact_texts(setup, checkpoint, texts);
    for (int i = 0; i < FACTS; i++) {
        const char *had = cupel_weights_metadata(file, facts[i].key);
        if (!*texts[i]) continue;
        if (!had)
            return cupel_fail(error, CUPEL_INVALID,
                              "%s: this is no checkpoint to resume from (it does not tell its %s); to start "
                              "from its weights use --init",
                              path, facts[i].key);
        bool same = strcmp(had, texts[i]) == 0;
        if (i == FACT_MODEL)
            *changed = !same;
        else if (!same) {
            snprintf(advice, sizeof advice, facts[i].advice, had);
            return cupel_fail(error, CUPEL_INVALID, "%s: it was made with %s %s, this run has %s; %s", path,
                              facts[i].key, had, texts[i], advice);
        }
    }
    return CUPEL_OK;
}

/* ---- writing ---- */

void checkpoint_begin(const char *directory) {
    char path[PATH_ROOM];
    const char *const names[] = {CHECKPOINT_LAST, CHECKPOINT_PREVIOUS, CHECKPOINT_BEST, CHECKPOINT_HEALTHY};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (path_join(path, directory, names[i], NULL) == CUPEL_OK) unlink(path);
}

/* Every range of the checkpoint: the networks' parameters, their averages and moments. */
enum { MAX_RANGES = CUPEL_ROLES * (2 + MAX_MOMENTS) };
struct range {
    const struct learner *learner;
    const char *prefix; /* "" for the parameters */
};
static int ranges_of(const struct setup *setup, struct range ranges[MAX_RANGES]) {
    int count = 0;
    for (int i = 0; i < setup->learner_count; i++) {
        const struct learner *learner = &setup->learners[i];
        ranges[count++] = (struct range){learner, ""};
        if (learner->ema > 0) ranges[count++] = (struct range){learner, EMA_PREFIX};
        for (int m = 0; m < moment_count(learner->optimizer); m++)
            ranges[count++] = (struct range){learner, moment_name(learner->optimizer, m)};
    }
    return count;
}

/* The scale of a network's loss and its counts, which f16 alone has. */
struct scaling {
    float scale;
    int64_t counts[2];
};

/* The code head shares the discriminator's. */
static bool has_scaling(const struct setup *setup, int role) {
    return setup->plan.precision == CUPEL_PRECISION_F16 && role != CUPEL_ROLE_CODE;
}

static enum cupel_status collect_scaling(struct setup *setup, struct cupel_weights *file,
                                         struct cupel_error *error) {
    for (int i = 0; i < setup->learner_count; i++) {
        struct scaling now;
        char scale[NAME_ROOM], counts[NAME_ROOM];
        if (!has_scaling(setup, i)) continue;
        range_name(&setup->learners[i], LOSS_SCALE, scale);
        range_name(&setup->learners[i], LOSS_SCALE_COUNTS, counts);
        CUPEL_TRY(cupel_store_read(setup->store, scale, &now.scale, sizeof now.scale, error));
        CUPEL_TRY(cupel_store_read(setup->store, counts, now.counts, sizeof now.counts, error));
        CUPEL_TRY(cupel_weights_add(file, scale, CUPEL_F32, &CUPEL_SHAPE(1), &now.scale, error));
        CUPEL_TRY(cupel_weights_add(file, counts, CUPEL_I64, &CUPEL_SHAPE(2), now.counts, error));
    }
    return CUPEL_OK;
}

/* A checkpoint of another precision has none: the scale starts anew, and every update so far was one. */
static enum cupel_status apply_scaling(struct load *load, int64_t step, struct cupel_error *error) {
    struct setup *setup = load->setup;
    for (int i = 0; i < setup->learner_count; i++) {
        struct scaling saved = {.counts = {0, step * setup->learners[i].updates}};
        char scale[NAME_ROOM], counts[NAME_ROOM];
        if (!has_scaling(setup, i)) continue;
        range_name(&setup->learners[i], LOSS_SCALE, scale);
        range_name(&setup->learners[i], LOSS_SCALE_COUNTS, counts);
        if (cupel_weights_find(load->file, scale)) {
            load_value(load, scale, CUPEL_F32, 1, &saved.scale);
            load_value(load, counts, CUPEL_I64, 2, saved.counts);
            CUPEL_TRY(cupel_store_write(setup->store, scale, &saved.scale, sizeof saved.scale, error));
        }
        CUPEL_TRY(cupel_store_write(setup->store, counts, saved.counts, sizeof saved.counts, error));
    }
    return CUPEL_OK;
}

static enum cupel_status collect(struct setup *setup, const struct checkpoint *checkpoint,
                                 struct cupel_weights *file, struct cupel_error *error) {
    struct range ranges[MAX_RANGES];
    int count = ranges_of(setup, ranges);
    bool finite = true;
    for (int i = 0; i < count; i++) {
        char name[NAME_ROOM];
        const struct range *range = &ranges[i];
        CUPEL_TRY(collect_range(setup, range->learner, state_name(range->learner, range->prefix, name),
                                range->prefix, file, *range->prefix ? NULL : &finite, error));
    }
    if (!finite)
        return cupel_fail(error, CUPEL_FAILED,
                          "step %" PRId64
                          ": a parameter is infinite or NaN; the checkpoint before this step "
                          "stays; a lower lr or `clip_norm` may help",
                          checkpoint->step);
    CUPEL_TRY(collect_statistics(setup, "", file, error));
    CUPEL_TRY(collect_scaling(setup, file, error));
    const int64_t rng[2] = {setup->train.seed, checkpoint->step};
    CUPEL_TRY(cupel_weights_add(file, "rng", CUPEL_I64, &CUPEL_SHAPE(2), rng, error));
    CUPEL_TRY(cupel_weights_add(file, "data.cursor", CUPEL_I64, &CUPEL_SHAPE(1), &checkpoint->cursor, error));
    CUPEL_TRY(cupel_weights_add(file, "train.verdict", CUPEL_F64, &CUPEL_SHAPE(VERDICT_NUMBERS),
                                &checkpoint->verdict, error));
    return add_facts(setup, checkpoint, file, error);
}

/* Keeps the last checkpoint under the previous one's name. At every moment one of the two is whole. */
static void rotate(const char *last, const char *previous) {
    unlink(previous);
    if (link(last, previous)) rename(last, previous); /* for file systems without links */
}

/* For file systems without links. */
static enum cupel_status copy(const char *from, const char *to, struct cupel_error *error) {
    unsigned char *bytes;
    size_t size;
    CUPEL_TRY(file_read(from, SIZE_MAX, &bytes, &size, error));
    const enum cupel_status status = file_write(to, &(struct iovec){bytes, size}, 1, error);
    free(bytes);
    return status;
}

enum cupel_status checkpoint_keep_healthy(const char *directory, struct cupel_error *error) {
    char last[PATH_ROOM], healthy[PATH_ROOM], place[PATH_ROOM];
    CUPEL_TRY(path_join(last, directory, CHECKPOINT_LAST, error));
    CUPEL_TRY(path_join(healthy, directory, CHECKPOINT_HEALTHY, error));
    CUPEL_TRY(path_join(place, directory, CHECKPOINT_HEALTHY ".new", error));
    unlink(place);
    if (link(last, place) == 0 && rename(place, healthy) == 0) return CUPEL_OK;
    return copy(last, healthy, error);
}

enum cupel_status checkpoint_save(struct setup *setup, const struct checkpoint *checkpoint,
                                  const char *directory, struct cupel_error *error) {
    char last[PATH_ROOM], previous[PATH_ROOM];
    struct cupel_weights file = {0};
    CUPEL_TRY(path_join(last, directory, CHECKPOINT_LAST, error));
    CUPEL_TRY(path_join(previous, directory, CHECKPOINT_PREVIOUS, error));
    enum cupel_status status = collect(setup, checkpoint, &file, error);
    if (status == CUPEL_OK) {
        rotate(last, previous);
        status = cupel_weights_save(&file, last, error);
    }
    cupel_weights_free(&file);
    return status;
}

/* The weights of all networks, the averages where there are any, and the running statistics. */
static enum cupel_status collect_weights(struct setup *setup, struct cupel_weights *file,
                                         struct cupel_error *error) {
    for (int i = 0; i < setup->learner_count; i++) {
        char name[NAME_ROOM];
        const struct learner *learner = &setup->learners[i];
        state_name(learner, learner->ema > 0 ? EMA_PREFIX : "", name);
        CUPEL_TRY(collect_range(setup, learner, name, "", file, NULL, error));
    }
    return collect_statistics(setup, "", file, error);
}

enum cupel_status checkpoint_save_best(struct setup *setup, const struct checkpoint *checkpoint,
                                       const char *directory, struct cupel_error *error) {
    char path[PATH_ROOM], step[FACT_ROOM];
    struct cupel_weights file = {0};
    snprintf(step, sizeof step, "%" PRId64, checkpoint->step);
    CUPEL_TRY(path_join(path, directory, CHECKPOINT_BEST, error));
    enum cupel_status status = collect_weights(setup, &file, error);
    if (status == CUPEL_OK) status = cupel_weights_set_metadata(&file, "step", step, error);
    if (status == CUPEL_OK) status = cupel_weights_save(&file, path, error);
    cupel_weights_free(&file);
    return status;
}

/* ---- reading ---- */

/* Says what is known about the previous checkpoint behind the message about the last one. */
static enum cupel_status refuse(const char *last, const char *directory, const struct cupel_error *reason,
                                struct cupel_error *error) {
    char previous[PATH_ROOM];
    struct cupel_weights file = {0};
    CUPEL_TRY(path_join(previous, directory, CHECKPOINT_PREVIOUS, error));
    if (access(previous, F_OK))
        return cupel_fail(error, reason->status,
                          "%s; there is no checkpoint to resume from, start without --resume",
                          reason->message);
    if (cupel_weights_load(previous, &file, NULL))
        return cupel_fail(error, reason->status, "%s; the previous checkpoint, %s, is damaged too",
                          reason->message, previous);
    cupel_weights_free(&file);
    return cupel_fail(error, reason->status,
                      "%s; the previous checkpoint is whole: to resume from that, cp %s %s", reason->message,
                      previous, last);
}

/* As many as random numbers know apart. */
static const int64_t MOST_STEPS = INT64_C(1) << 46;

static enum cupel_status apply(struct load *load, struct checkpoint *checkpoint, struct cupel_error *error) {
    struct range ranges[MAX_RANGES];
    struct setup *setup = load->setup;
    int count = ranges_of(setup, ranges);
    int64_t rng[2] = {0};
    for (int i = 0; i < count; i++) CUPEL_TRY(load_range(load, ranges[i].learner, ranges[i].prefix, error));
    CUPEL_TRY(load_statistics(load, error));
    load_value(load, "rng", CUPEL_I64, 2, rng);
    load_value(load, "data.cursor", CUPEL_I64, 1, &checkpoint->cursor);
    load_value(load, "train.verdict", CUPEL_F64, VERDICT_NUMBERS, &checkpoint->verdict);
    if (rng[1] < 0 || rng[1] >= MOST_STEPS || checkpoint->cursor < 0 ||
        checkpoint->cursor > checkpoint->train_count)
        return cupel_fail(error, CUPEL_INVALID, "%s: step %" PRId64 " and cursor %" PRId64 " are impossible",
                          load->path, rng[1], checkpoint->cursor);
    checkpoint->step = rng[1];
    return apply_scaling(load, checkpoint->step, error);
}

enum cupel_status checkpoint_load(struct setup *setup, struct checkpoint *checkpoint, const char *directory,
                                  bool *changed, struct cupel_error *error) {
    char path[PATH_ROOM];
    struct cupel_error reason = {0};
    struct cupel_weights file = {0};
    struct load load;
    CUPEL_TRY(path_join(path, directory, CHECKPOINT_LAST, error));
    if (cupel_weights_load(path, &file, &reason)) return refuse(path, directory, &reason, error);
    enum cupel_status status = check_facts(setup, checkpoint, path, &file, changed, error);
    if (status == CUPEL_OK) status = load_start(&load, setup, path, &file, error);
    if (status == CUPEL_OK) status = load_end(&load, apply(&load, checkpoint, error), error);
    cupel_weights_free(&file);
    return status;
}
