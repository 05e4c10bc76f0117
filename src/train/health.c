#include "train/health.h"

#include <dirent.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "train/gan.h"
#include "train/loop.h"
#include "train/path.h"

/* ---- warnings ---- */

static const struct {
    const char *name, *advice;
} warnings[CUPEL_WARNINGS] = {
    [CUPEL_WARNING_DISCRIMINATOR] = {"discriminator too strong",
                                     "give the discriminator a lower lr than the generator, or try "
                                     "`label_smoothing: 0.1`, `instance_noise` or fewer "
                                     "`discriminator_steps`"},
    [CUPEL_WARNING_COLLAPSE] =
        {"collapse",
         "go on from healthy.safetensors with a lower lr, or try `minibatch_std` in the "
         "discriminator, or `loss: wasserstein` with `gradient_penalty: 10`"},
    [CUPEL_WARNING_VANISHING] =
        {"vanishing generator gradient",
         "try `loss: nonsaturating`, batchnorm or another `init` in the generator, or a "
         "weaker discriminator"},
    [CUPEL_WARNING_NAN] = {"NaN",
                           "go on from healthy.safetensors with a lower lr or `clip_norm`; in f16, try bf16 "
                           "or f32"},
};

const char *cupel_warning_name(enum cupel_warning warning) {
    return warnings[warning].name;
}

const char *cupel_warning_advice(enum cupel_warning warning) {
    return warnings[warning].advice;
}

/* ---- rules ---- */

/* How sure the discriminator is of the half that it is less sure of: 1 where D(x) and D(G(z)) are as their targets ask. */
static double sureness(const struct cupel_train_settings *train, const struct cupel_training_point *point) {
    const double target = 1 - train->label_smoothing, swapped = train->gan.noisy_labels;
    const double real = point->gan.real_score / (target * (1 - swapped));
    const double fake = (1 - point->gan.fake_score) / (1 - target * swapped);
    if (train->loss != CUPEL_LOSS_NONSATURATING && train->loss != CUPEL_LOSS_MINIMAX) return NAN;
    return fmin(real, fake);
}

/* Scores that are no probabilities say nothing by themselves. A Wasserstein critic is meant to be trained to the end. */
static double lower_accuracy(const struct cupel_train_settings *train,
                             const struct cupel_training_point *point) {
    if (train->loss != CUPEL_LOSS_HINGE && train->loss != CUPEL_LOSS_LEAST_SQUARES) return NAN;
    return fmin(point->gan.real_accuracy, point->gan.fake_accuracy);
}

static double relative_gradient(const struct cupel_train_settings *train,
                                const struct cupel_training_point *point) {
    (void)train;
    return point->gan.generator_gradient / point->gan.generator_weights;
}

/* Before a generator has learnt anything its images are alike too. That is no collapse, unless they are the same. */
static const double VARIED = 0.3;

static double lost_diversity(const struct health *health, double diversity) {
    return health->varied >= VARIED ? diversity : 1;
}

static double lacking_diversity(const struct health *health, double diversity) {
    return health->varied >= VARIED ? 1 : diversity;
}

/* A number, of a line of the training curve or of a grid of samples, whose mean over `steps` steps or more is on the wrong side
 * of `raise` gives a warning, which lasts until such a mean is on the right side of `clear`: what hovers at the border is told
 * once. */
static const struct rule {
    enum cupel_warning warning;
    const char *number;
    double (*of_line)(const struct cupel_train_settings *train, const struct cupel_training_point *point);
    double (*of_sample)(const struct health *health, double diversity);
    double raise, clear;
    int64_t steps;
} rules[HEALTH_RULES] = {
    /* Both at 0.975 is a loss of 0.05: what is left to learn from is noise. A good run passes through 0.96 within its first 50
     * steps; its mean over 100 is below 0.93. */
    {CUPEL_WARNING_DISCRIMINATOR, "the lower of D(x) and 1 - D(G(z))", sureness, NULL, 0.975, 0.95, 100},
    /* Half an image in a hundred is taken for the other kind; accuracies of good runs are below 0.98. */
    {CUPEL_WARNING_DISCRIMINATOR, "the discriminator's lower accuracy", lower_accuracy, NULL, 0.995, 0.98,
     100},
    /* Images of two noises are less than a fifth as far apart as two real ones, and were not before. Good runs stay above 0.5
     * once they have come so far; those that lose all but a few modes fall below 0.3. */
    {CUPEL_WARNING_COLLAPSE, "diversity of the samples", NULL, lost_diversity, 0.2, 0.3, 100},
    /* Whatever the noise, the image is the same but for a few pixels. Of an untrained DCGAN it is 0.06. */
    {CUPEL_WARNING_COLLAPSE, "diversity of the samples", NULL, lacking_diversity, 0.02, 0.04, 100},
    /* Gradient over weights, both Euclidean norms: 0.1 to 1 in good runs. At 1e-5 a weight of 0.02 has a gradient of 2e-7,
     * which comes near the 1e-8 that Adam adds to what it divides by. */
    {CUPEL_WARNING_VANISHING, "the norm of the generator's gradient over that of its weights",
     relative_gradient, NULL, 1e-5, 1e-4, 100},
};

/* Numbers that are bad when they are high have a lower end of the warning. */
static bool is_beyond(const struct rule *rule, double value, double limit) {
    return rule->raise > rule->clear ? value >= limit : value < limit;
}

static enum cupel_status tell(struct loop *loop, const struct rule *rule, bool over, double value,
                              int64_t step, struct cupel_error *error) {
    const struct cupel_run_options *run = &loop->options->run;
    const char *name = cupel_warning_name(rule->warning);
    const struct cupel_warning_point point = {
        .step = step,
        .epoch = epoch_of(loop, step),
        .warning = rule->warning,
        .over = over,
        .value = value,
        .time = clock_now() - loop->meter.start,
    };
    char text[600];
    if (over)
        snprintf(text, sizeof text, "step %" PRId64 ": no more %s: %s is %.4g", step, name, rule->number,
                 value);
    else
        snprintf(text, sizeof text, "step %" PRId64 ": %s: %s is %.4g, %s %g; %s", step, name, rule->number,
                 value, rule->raise > rule->clear ? "at least" : "below", rule->raise,
                 cupel_warning_advice(rule->warning));
    if (run->note) run->note(run->note_context, text);
    return loop->journal ? journal_warning(loop->journal, &point, error) : CUPEL_OK;
}

/* Takes in a number that stands for the steps from `from` to `step`. A resumed run reads its old lines without telling anything.
 */
static enum cupel_status judge(struct loop *loop, const struct rule *rule, double value, int64_t from,
                               int64_t step, bool quiet, struct cupel_error *error) {
    struct episode *episode = &loop->health->episodes[rule - rules];
    if (isnan(value)) return CUPEL_OK;
    episode->sum += value * (double)(step - from);
    episode->steps += step - from;
    if (episode->steps < rule->steps) return CUPEL_OK;
    const double mean = episode->sum / (double)episode->steps;
    const bool active = is_beyond(rule, mean, episode->active ? rule->clear : rule->raise);
    const bool changed = active != episode->active;
    *episode = (struct episode){.active = active};
    return changed && !quiet ? tell(loop, rule, !active, mean, step, error) : CUPEL_OK;
}

static enum cupel_status judge_line(struct loop *loop, const struct cupel_training_point *point, bool quiet,
                                    struct cupel_error *error) {
    struct health *health = loop->health;
    for (const struct rule *rule = rules; rule < rules + HEALTH_RULES; rule++) {
        if (!rule->of_line) continue;
        const double value = rule->of_line(&loop->setup.train, point);
        CUPEL_TRY(judge(loop, rule, value, health->line, point->step, quiet, error));
    }
    health->line = point->step;
    return CUPEL_OK;
}

static enum cupel_status judge_sample(struct loop *loop, const struct cupel_sample_point *point, bool quiet,
                                      struct cupel_error *error) {
    struct health *health = loop->health;
    health->varied = fmax(health->varied, point->diversity);
    for (const struct rule *rule = rules; rule < rules + HEALTH_RULES; rule++) {
        if (!rule->of_sample) continue;
        const double value = rule->of_sample(health, point->diversity);
        CUPEL_TRY(judge(loop, rule, value, health->sample, point->step, quiet, error));
    }
    health->sample = point->step;
    return CUPEL_OK;
}

enum cupel_status health_line(struct loop *loop, const struct cupel_training_point *point,
                              struct cupel_error *error) {
    return loop->health ? judge_line(loop, point, false, error) : CUPEL_OK;
}

bool health_good(const struct health *health) {
    for (int i = 0; i < HEALTH_RULES; i++)
        if (health->episodes[i].active) return false;
    return true;
}

/* ---- samples ---- */

static bool sample_is_due(const struct loop *loop) {
    enum { SAMPLES = 20 };
    const int64_t step = loop->state.step, asked = loop->options->sample_steps;
    const int64_t every = asked ? asked : loop->steps < SAMPLES ? 1 : loop->steps / SAMPLES;
    return step == loop->steps || step % every == 0;
}

enum cupel_status health_sample(struct loop *loop, struct cupel_error *error) {
    const double start = clock_now();
    struct health *health = loop->health;
    if (!health || !loop->options->out || !sample_is_due(loop)) return CUPEL_OK;
    const struct gallery *gallery = &health->gallery;
    struct cupel_sample_point point = {.step = loop->state.step, .epoch = epoch_of(loop, loop->state.step)};
    CUPEL_TRY(gallery_write(&loop->setup, gallery, loop->options->out, point.step, error));
    reals_compare(&health->reals, gallery->images, gallery->latents.labels, gallery->latents.count,
                  &point.diversity, &point.nearest);
    point.time = clock_now() - loop->meter.start;
    loop->meter.mark += clock_now() - start; /* images_per_second is about training */
    CUPEL_TRY(journal_sample(loop->journal, &point, error));
    return judge_sample(loop, &point, false, error);
}

/* ---- beginning and end ---- */

enum cupel_status health_open(struct loop *loop, struct cupel_error *error) {
    const struct division *division = &loop->division;
    if (cupel_model_task(loop->setup.model) != CUPEL_TASK_GAN) return CUPEL_OK;
    loop->health = calloc(1, sizeof *loop->health);
    if (!loop->health) return cupel_fail(error, CUPEL_NOMEM, "no memory for a run's health");
    if (!loop->options->out) return CUPEL_OK;
    CUPEL_TRY(gallery_open(&loop->setup, &loop->health->gallery, error));
    return reals_take(&loop->dataset.train, division->train, division->train_count,
                      cupel_shape_count(&loop->setup.data->shape), loop->health->gallery.latents.labels,
                      &loop->health->reals, error);
}

void health_close(struct health *health) {
    if (!health) return;
    gallery_close(&health->gallery);
    reals_free(&health->reals);
    free(health);
}

/* Removes DIRECTORY/samples/NUMBER.png, whatever the number. */
static enum cupel_status remove_samples(const char *directory, struct cupel_error *error) {
    char path[PATH_ROOM], file[PATH_ROOM];
    const struct dirent *entry;
    CUPEL_TRY(path_join(path, directory, "samples", error));
    DIR *samples = opendir(path);
    while (samples && (entry = readdir(samples))) {
        const size_t digits = strspn(entry->d_name, "0123456789");
        if (!digits || strcmp(entry->d_name + digits, ".png") != 0) continue;
        if (path_join(file, path, entry->d_name, NULL) == CUPEL_OK) unlink(file);
    }
    if (samples) closedir(samples);
    return CUPEL_OK;
}

/* Lines and samples have rules of their own, so their common order does not matter. */
static enum cupel_status remember(struct loop *loop, const struct cupel_history *history,
                                  struct cupel_error *error) {
    for (size_t i = 0; i < history->training_count; i++)
        CUPEL_TRY(judge_line(loop, &history->training[i], true, error));
    for (size_t i = 0; i < history->sample_count; i++)
        CUPEL_TRY(judge_sample(loop, &history->samples[i], true, error));
    return CUPEL_OK;
}

enum cupel_status health_start(struct loop *loop, struct cupel_error *error) {
    char path[PATH_ROOM];
    struct cupel_history history;
    const struct cupel_train_options *options = loop->options;
    if (!loop->health || !options->out) return CUPEL_OK;
    if (!options->resume) return remove_samples(options->out, error);
    CUPEL_TRY(path_join(path, options->out, JOURNAL_FILE, error));
    CUPEL_TRY(cupel_history_load(path, &history, error));
    const enum cupel_status status = remember(loop, &history, error);
    cupel_history_free(&history);
    loop->health->line = loop->state.step;
    return status;
}
