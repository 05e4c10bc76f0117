/* The tables of `train:`. Defaults of optimizers and schedules are PyTorch's. */
#include <float.h>

#include "model/model.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

enum {
    MAX_BATCH = 1 << 24,
    MAX_STEPS = INT32_MAX, /* also of epochs */
    MAX_DISCRIMINATOR_STEPS = 100,
    MAX_CODES = 1 << 16,
};

/* ---- optimizers and schedules ---- */

#define OPTIMIZER(...) CUPEL_FIELD(cupel_optimizer_settings, __VA_ARGS__)
static const struct cupel_field sgd_fields[] = {
    OPTIMIZER("lr", NUMBER, rate, CUPEL_ABOVE_0, DBL_MAX, "1e-3"),
    OPTIMIZER("momentum", NUMBER, sgd.momentum, 0, CUPEL_BELOW_1, "0"),
    OPTIMIZER("nesterov", BOOL, sgd.nesterov, 0, 0, "false"),
    OPTIMIZER("weight_decay", NUMBER, sgd.weight_decay, 0, DBL_MAX, "0"),
};
#define ADAM_FIELDS(decay)                                                 \
    OPTIMIZER("lr", NUMBER, rate, CUPEL_ABOVE_0, DBL_MAX, "1e-3"),         \
        OPTIMIZER("beta1", NUMBER, adam.beta1, 0, CUPEL_BELOW_1, "0.9"),   \
        OPTIMIZER("beta2", NUMBER, adam.beta2, 0, CUPEL_BELOW_1, "0.999"), \
        OPTIMIZER("eps", NUMBER, adam.eps, 0, DBL_MAX, "1e-8"),            \
        OPTIMIZER("weight_decay", NUMBER, adam.weight_decay, 0, DBL_MAX, decay)
static const struct cupel_field adam_fields[] = {ADAM_FIELDS("0")};
static const struct cupel_field adamw_fields[] = {ADAM_FIELDS("1e-2")};
static const struct cupel_field rmsprop_fields[] = {
    OPTIMIZER("lr", NUMBER, rate, CUPEL_ABOVE_0, DBL_MAX, "1e-2"),
    OPTIMIZER("alpha", NUMBER, rmsprop.alpha, 0, CUPEL_BELOW_1, "0.99"),
    OPTIMIZER("eps", NUMBER, rmsprop.eps, 0, DBL_MAX, "1e-8"),
    OPTIMIZER("weight_decay", NUMBER, rmsprop.weight_decay, 0, DBL_MAX, "0"),
};
static const struct cupel_field adagrad_fields[] = {
    OPTIMIZER("lr", NUMBER, rate, CUPEL_ABOVE_0, DBL_MAX, "1e-2"),
    OPTIMIZER("eps", NUMBER, adagrad.eps, 0, DBL_MAX, "1e-10"),
    OPTIMIZER("weight_decay", NUMBER, adagrad.weight_decay, 0, DBL_MAX, "0"),
};
static const struct cupel_variant optimizers[] = {
    [CUPEL_OPTIMIZER_SGD] = {"sgd", sgd_fields, COUNT(sgd_fields)},
    [CUPEL_OPTIMIZER_ADAM] = {"adam", adam_fields, COUNT(adam_fields)},
    [CUPEL_OPTIMIZER_ADAMW] = {"adamw", adamw_fields, COUNT(adamw_fields)},
    [CUPEL_OPTIMIZER_RMSPROP] = {"rmsprop", rmsprop_fields, COUNT(rmsprop_fields)},
    [CUPEL_OPTIMIZER_ADAGRAD] = {"adagrad", adagrad_fields, COUNT(adagrad_fields)},
};

#define SCHEDULE(...) CUPEL_FIELD(cupel_schedule_settings, __VA_ARGS__)
static const struct cupel_field step_fields[] = {
    SCHEDULE("every", INT, every, 1, MAX_STEPS, NULL),
    SCHEDULE("gamma", NUMBER, gamma, CUPEL_ABOVE_0, DBL_MAX, "0.1"),
};
static const struct cupel_field cosine_fields[] = {
    SCHEDULE("min_lr", NUMBER, min_lr, 0, DBL_MAX, "0"),
};
static const struct cupel_field one_cycle_fields[] = {
    SCHEDULE("max_lr", NUMBER, max_lr, CUPEL_ABOVE_0, DBL_MAX, NULL),
    SCHEDULE("pct_start", NUMBER, rise, CUPEL_ABOVE_0, CUPEL_BELOW_1, "0.3"),
    SCHEDULE("div_factor", NUMBER, div_factor, CUPEL_ABOVE_0, DBL_MAX, "25"),
    SCHEDULE("final_div_factor", NUMBER, final_div_factor, CUPEL_ABOVE_0, DBL_MAX, "1e4"),
};
static const struct cupel_field plateau_fields[] = {
    SCHEDULE("factor", NUMBER, factor, CUPEL_ABOVE_0, CUPEL_BELOW_1, "0.1"),
    SCHEDULE("patience", INT, patience, 0, MAX_STEPS, "10"),
};
static const struct cupel_variant schedules[] = {
    [CUPEL_SCHEDULE_CONSTANT] = {"constant", NULL, 0},
    [CUPEL_SCHEDULE_STEP] = {"step", step_fields, COUNT(step_fields)},
    [CUPEL_SCHEDULE_COSINE] = {"cosine", cosine_fields, COUNT(cosine_fields)},
    [CUPEL_SCHEDULE_ONE_CYCLE] = {"one_cycle", one_cycle_fields, COUNT(one_cycle_fields)},
    [CUPEL_SCHEDULE_PLATEAU] = {"plateau", plateau_fields, COUNT(plateau_fields)},
};

static enum cupel_status optimizer_read(struct cupel_model *model, const struct cupel_yaml_item *item,
                                        enum cupel_role role, struct cupel_error *error) {
    struct cupel_optimizer_settings *optimizer = &model->train.optimizer[role];
    int kind;
    CUPEL_TRY(cupel_variant_fields(&model->yaml, item, "optimizer", optimizers, COUNT(optimizers), &kind,
                                   optimizer, error));
    optimizer->kind = (enum cupel_optimizer)kind;
    optimizer->adam.decoupled = kind == CUPEL_OPTIMIZER_ADAMW;
    if (optimizer->sgd.nesterov && optimizer->sgd.momentum == 0)
        return cupel_yaml_fail(&model->yaml, cupel_yaml_find(item->first, "nesterov"), error,
                               "nesterov has no effect without momentum; add `momentum: 0.9`");
    return CUPEL_OK;
}

static enum cupel_status schedule_read(struct cupel_model *model, const struct cupel_yaml_item *item,
                                       enum cupel_role role, struct cupel_error *error) {
    struct cupel_schedule_settings *schedule = &model->train.schedule[role];
    int kind;
    CUPEL_TRY(cupel_variant_fields(&model->yaml, item, "schedule", schedules, COUNT(schedules), &kind,
                                   schedule, error));
    schedule->kind = (enum cupel_schedule)kind;
    return CUPEL_OK;
}

/* ---- train ---- */

static const char *const classify_losses[] = {"cross_entropy"};
static const char *const segment_losses[] = {"cross_entropy", "dice", "cross_entropy_dice"};
static const char *const gan_losses[] = {"nonsaturating", "minimax", "least_squares", "hinge", "wasserstein"};

/* A task's losses, the first of them its default. */
static const struct {
    enum cupel_loss first;
    struct cupel_words words;
} task_losses[] = {
    [CUPEL_TASK_CLASSIFY] = {CUPEL_LOSS_CROSS_ENTROPY, CUPEL_WORDS(classify_losses)},
    [CUPEL_TASK_GAN] = {CUPEL_LOSS_NONSATURATING, CUPEL_WORDS(gan_losses)},
    [CUPEL_TASK_SEGMENT] = {CUPEL_LOSS_CROSS_ENTROPY, CUPEL_WORDS(segment_losses)},
};

struct train_items {
    struct cupel_train_settings settings;
    const struct cupel_yaml_item *loss, *optimizer, *schedule, *early_stopping, *instance_noise, *infogan,
        *freeze, *groups;
};

#define TRAIN(...) CUPEL_FIELD(train_items, __VA_ARGS__)
static const struct cupel_field train_fields[] = {
    TRAIN("loss", ITEM, loss, 0, 0, ""),
    TRAIN("label_smoothing", NUMBER, settings.label_smoothing, 0, CUPEL_BELOW_1, "0"),
    TRAIN("dice_weight", NUMBER, settings.dice_weight, CUPEL_ABOVE_0, DBL_MAX, "1"),
    TRAIN("optimizer", ITEM, optimizer, 0, 0, NULL),
    TRAIN("schedule", ITEM, schedule, 0, 0, ""),
    TRAIN("warmup", INT, settings.warmup, 0, MAX_STEPS, "0"),
    TRAIN("batch", INT, settings.batch, 1, MAX_BATCH, NULL),
    TRAIN("epochs", INT, settings.epochs, 1, MAX_STEPS, ""),
    TRAIN("steps", INT, settings.steps, 1, MAX_STEPS, ""),
    TRAIN("clip_norm", NUMBER, settings.clip_norm, CUPEL_ABOVE_0, DBL_MAX, ""),
    TRAIN("clip_value", NUMBER, settings.clip_value, CUPEL_ABOVE_0, DBL_MAX, ""),
    TRAIN("ema", NUMBER, settings.ema, CUPEL_ABOVE_0, CUPEL_BELOW_1, ""),
    TRAIN("early_stopping", ITEM, early_stopping, 0, 0, ""),
    TRAIN("drop_last", BOOL, settings.drop_last, 0, 0, "true"),
    TRAIN("freeze", ITEM, freeze, 0, 0, ""),
    TRAIN("groups", ITEM, groups, 0, 0, ""),
    TRAIN("noisy_labels", NUMBER, settings.gan.noisy_labels, 0, 1, "0"),
    TRAIN("instance_noise", ITEM, instance_noise, 0, 0, ""),
    TRAIN("discriminator_steps", INT, settings.gan.discriminator_steps, 1, MAX_DISCRIMINATOR_STEPS, "1"),
    TRAIN("gradient_penalty", NUMBER, settings.gan.gradient_penalty, 0, DBL_MAX, "0"),
    TRAIN("clip_weights", NUMBER, settings.gan.clip_weights, CUPEL_ABOVE_0, DBL_MAX, ""),
    TRAIN("infogan", ITEM, infogan, 0, 0, ""),
    TRAIN("seed", INT, settings.seed, 0, (double)(INT64_C(1) << 53), "0"),
};

static const struct cupel_field early_stopping_fields[] = {
    CUPEL_FIELD(cupel_train_settings, "patience", INT, early_stopping, 1, MAX_STEPS, NULL),
};

/* ---- the networks of a task ---- */

/* Reads one choice for all networks, or `{generator: ..., discriminator: ...}`; the code head learns as the discriminator does
 * unless it has a choice of its own. `item` may be NULL: every network keeps what it has. */
static enum cupel_status
roles_read(struct cupel_model *model, const struct cupel_yaml_item *item, const char *what,
           enum cupel_status (*read)(struct cupel_model *, const struct cupel_yaml_item *, enum cupel_role,
                                     struct cupel_error *),
           struct cupel_error *error) {
    const struct cupel_yaml_item *of[CUPEL_ROLES] = {item, item, item};
    const bool each = item && model->task == CUPEL_TASK_GAN && item->kind == CUPEL_YAML_MAPPING &&
                      item->first && cupel_words_find(CUPEL_WORDS(role_words), item->first->key->text) >= 0;
    for (int i = 0; i < CUPEL_ROLES && each; i++) of[i] = cupel_yaml_find(item, role_words[i]);
    for (const struct cupel_yaml_item *one = each ? item->first : NULL; one; one = one->next)
        if (cupel_words_find(CUPEL_WORDS(role_words), one->key->text) < 0)
            return cupel_words_fail(&model->yaml, one->key, CUPEL_WORDS(role_words), "network", error);
    if (!of[CUPEL_ROLE_CODE]) of[CUPEL_ROLE_CODE] = of[CUPEL_ROLE_DISCRIMINATOR];
    for (int i = 0; i < CUPEL_ROLES; i++) {
        if (of[i])
            CUPEL_TRY(read(model, of[i], (enum cupel_role)i, error));
        else if (each)
            return cupel_yaml_fail(&model->yaml, item->key, error, "there is no %s for the %s; add `%s: ...`",
                                   what, role_words[i], role_words[i]);
    }
    return CUPEL_OK;
}

/* ---- gan ---- */

#define GAN(...) CUPEL_FIELD(cupel_gan_settings, __VA_ARGS__)
static const struct cupel_field noise_fields[] = {
    GAN("std", NUMBER, noise, 0, DBL_MAX, NULL),
    GAN("steps", NUMBER, noise_steps, 0, MAX_STEPS, "0"),
};
static const struct cupel_field infogan_fields[] = {
    GAN("categories", INT, categories, 0, MAX_CODES, "0"),
    GAN("continuous", INT, continuous, 0, MAX_CODES, "0"),
    GAN("weight", NUMBER, code_weight, 0, DBL_MAX, "1"),
    GAN("continuous_weight", NUMBER, continuous_weight, 0, DBL_MAX, "0.1"),
};

/* Keys that only a gan has. */
static const char *const gan_keys[] = {"noisy_labels",     "instance_noise", "discriminator_steps",
                                       "gradient_penalty", "clip_weights",   "infogan"};

static enum cupel_status gan_read(struct cupel_model *model, const struct cupel_yaml_item *item,
                                  const struct train_items *items, struct cupel_error *error) {
    struct cupel_yaml *yaml = &model->yaml;
    struct cupel_gan_settings *gan = &model->train.gan;
    if (model->task != CUPEL_TASK_GAN) {
        for (size_t i = 0; i < COUNT(gan_keys); i++)
            if (cupel_yaml_find(item, gan_keys[i]))
                return cupel_yaml_fail(yaml, cupel_yaml_find(item, gan_keys[i])->key, error,
                                       "'%s' belongs to task gan; remove it", gan_keys[i]);
        return CUPEL_OK;
    }
    if (items->instance_noise)
        CUPEL_TRY(cupel_fields_read(yaml, items->instance_noise->key, items->instance_noise, "instance_noise",
                                    noise_fields, COUNT(noise_fields), gan, error));
    if (items->infogan) {
        CUPEL_TRY(cupel_fields_read(yaml, items->infogan->key, items->infogan, "infogan", infogan_fields,
                                    COUNT(infogan_fields), gan, error));
        if (gan->categories + gan->continuous == 0 || gan->categories == 1)
            return cupel_yaml_fail(
                yaml, items->infogan, error,
                "a code of %lld categories and %lld continuous numbers says nothing; use two categories "
                "or more, or a continuous number",
                (long long)gan->categories, (long long)gan->continuous);
    }
    const struct cupel_yaml_item *misplaced = cupel_yaml_find(item, "early_stopping");
    if (misplaced)
        return cupel_yaml_fail(yaml, misplaced->key, error,
                               "a gan has no evaluation loss to stop by; remove 'early_stopping'");
    if (!model->train.drop_last)
        return cupel_yaml_fail(yaml, cupel_yaml_find(item, "drop_last"), error,
                               "a gan is trained on whole batches; remove 'drop_last'");
    for (int i = 0; i < CUPEL_ROLES; i++)
        if (model->train.schedule[i].kind == CUPEL_SCHEDULE_PLATEAU)
            return cupel_yaml_fail(yaml, items->schedule, error,
                                   "a gan has no evaluation loss for a plateau; use another schedule");
    return CUPEL_OK;
}

/* ---- all of it ---- */

/* Whether the loss compares with a target, which can be smoothed and swapped. */
static bool has_targets(enum cupel_loss loss) {
    return loss != CUPEL_LOSS_HINGE && loss != CUPEL_LOSS_WASSERSTEIN && loss != CUPEL_LOSS_DICE;
}

static enum cupel_status loss_read(struct cupel_model *model, const struct cupel_yaml_item *item,
                                   struct cupel_error *error) {
    struct cupel_field field = {
        .key = "loss", .type = CUPEL_FIELD_CHOICE, .words = task_losses[model->task].words};
    int index = 0;
    if (item) CUPEL_TRY(cupel_field_read(&model->yaml, item, &field, &index, error));
    model->train.loss = (enum cupel_loss)((int)task_losses[model->task].first + index);
    return CUPEL_OK;
}

static enum cupel_status check_loss(const struct cupel_model *model, const struct cupel_yaml_item *item,
                                    struct cupel_error *error) {
    const struct cupel_yaml *yaml = &model->yaml;
    const struct cupel_train_settings *train = &model->train;
    const struct cupel_yaml_item *weight = cupel_yaml_find(item, "dice_weight");
    if (train->label_smoothing > 0 && !has_targets(train->loss))
        return cupel_yaml_fail(yaml, cupel_yaml_find(item, "label_smoothing"), error,
                               "the loss has no targets to smooth; remove 'label_smoothing'");
    if (train->gan.noisy_labels > 0 && !has_targets(train->loss))
        return cupel_yaml_fail(yaml, cupel_yaml_find(item, "noisy_labels"), error,
                               "the loss has no targets to swap; remove 'noisy_labels'");
    if (weight && train->loss != CUPEL_LOSS_CROSS_ENTROPY_DICE)
        return cupel_yaml_fail(yaml, weight->key, error,
                               "'dice_weight' belongs to `loss: cross_entropy_dice`; remove it");
    return CUPEL_OK;
}

enum cupel_status train_read(struct cupel_model *model, const struct cupel_yaml_item *item,
                             struct cupel_error *error) {
    struct train_items items = {.settings = {.loss = CUPEL_LOSS_CROSS_ENTROPY}};
    struct cupel_yaml *yaml = &model->yaml;
    struct cupel_train_settings *train = &model->train;
    CUPEL_TRY(
        cupel_fields_read(yaml, item->key, item, "train", train_fields, COUNT(train_fields), &items, error));
    *train = items.settings;
    model->freeze = items.freeze;
    model->groups = items.groups;
    CUPEL_TRY(loss_read(model, items.loss, error));
    CUPEL_TRY(roles_read(model, items.optimizer, "optimizer", optimizer_read, error));
    CUPEL_TRY(roles_read(model, items.schedule, "schedule", schedule_read, error));
    for (int i = 0; i < CUPEL_ROLES; i++)
        if (train->warmup && train->schedule[i].kind == CUPEL_SCHEDULE_ONE_CYCLE)
            return cupel_yaml_fail(yaml, cupel_yaml_find(item, "warmup"), error,
                                   "one_cycle has a warm-up of its own; remove 'warmup' and set pct_start");
    if (items.early_stopping)
        CUPEL_TRY(cupel_fields_read(yaml, items.early_stopping->key, items.early_stopping, "early_stopping",
                                    early_stopping_fields, COUNT(early_stopping_fields), train, error));
    CUPEL_TRY(check_loss(model, item, error));
    if (!train->epochs && !train->steps)
        return cupel_yaml_fail(yaml, item->key, error, "train has no end; add `epochs: ...` or `steps: ...`");
    return gan_read(model, item, &items, error);
}
