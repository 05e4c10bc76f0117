/* The table of `data: {augment: ...}`. */
#include <math.h>

#include "model/model.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

struct augment_items {
    struct cupel_augment_settings settings;
    const struct cupel_yaml_item *rotate, *translate, *scale, *color_jitter;
};

#define AUGMENT(...) CUPEL_FIELD(augment_items, __VA_ARGS__)
static const struct cupel_field augment_fields[] = {
    AUGMENT("flip", BOOL, settings.flip, 0, 0, "false"),
    AUGMENT("crop", INT, settings.crop, 0, INT16_MAX, "0"),
    AUGMENT("rotate", ITEM, rotate, 0, 0, ""),
    AUGMENT("translate", ITEM, translate, 0, 0, ""),
    AUGMENT("scale", ITEM, scale, 0, 0, ""),
    AUGMENT("fill", NUMBER, settings.fill, 0, 1, ""),
    AUGMENT("color_jitter", ITEM, color_jitter, 0, 0, ""),
    AUGMENT("cutout", INT, settings.cutout, 0, INT16_MAX, "0"),
    AUGMENT("mixup", NUMBER, settings.mixup, CUPEL_ABOVE_0, FLT_MAX, ""),
};

struct jitter_items {
    const struct cupel_yaml_item *part[4];
};
static const struct cupel_field jitter_fields[] = {
    CUPEL_FIELD(jitter_items, "brightness", ITEM, part[0], 0, 0, ""),
    CUPEL_FIELD(jitter_items, "contrast", ITEM, part[1], 0, 0, ""),
    CUPEL_FIELD(jitter_items, "saturation", ITEM, part[2], 0, 0, ""),
    CUPEL_FIELD(jitter_items, "hue", ITEM, part[3], 0, 0, ""),
};
enum { SATURATION = 2 };

/* A range to draw from: two numbers from `low` to `high`, or one, to `most`, which is how far it goes to either side of
 * `middle`, no further down than to `low`. */
struct range {
    double low, high, most, middle;
};
static const struct range angle_range = {-360, 360, 180, 0}, scale_range = {1e-3, 1e3, 0, 1},
                          factor_range = {0, 1e3, 1e3, 1}, hue_range = {-0.5, 0.5, 0.5, 0};

/* Reads `[one, other]`. */
static enum cupel_status two_read(struct cupel_model *model, const struct cupel_yaml_item *item, double low,
                                  double high, double two[2], struct cupel_error *error) {
    const struct cupel_field field = {
        .key = item->key->text, .type = CUPEL_FIELD_NUMBERS, .low = low, .high = high};
    struct cupel_numbers given;
    CUPEL_TRY(cupel_field_read(&model->yaml, item, &field, &given, error));
    if (given.count != 2)
        return cupel_yaml_fail(&model->yaml, item, error, "'%s' has %zu numbers; it must have two", field.key,
                               given.count);
    two[0] = given.values[0];
    two[1] = given.values[1];
    return CUPEL_OK;
}

/* Reads one number. */
static enum cupel_status one_read(struct cupel_model *model, const struct cupel_yaml_item *item, double high,
                                  double *number, struct cupel_error *error) {
    const struct cupel_field field = {.key = item->key->text, .type = CUPEL_FIELD_NUMBER, .high = high};
    return cupel_field_read(&model->yaml, item, &field, number, error);
}

/* `item` may be NULL: the range keeps what it has. */
static enum cupel_status range_read(struct cupel_model *model, const struct cupel_yaml_item *item,
                                    const struct range *range, double two[2], struct cupel_error *error) {
    double side;
    if (!item) return CUPEL_OK;
    if (item->kind == CUPEL_YAML_SEQUENCE || range->most == 0) {
        CUPEL_TRY(two_read(model, item, range->low, range->high, two, error));
        if (two[0] <= two[1]) return CUPEL_OK;
        return cupel_yaml_fail(&model->yaml, item, error,
                               "'%s' goes from %g down to %g; write the smaller number first",
                               item->key->text, two[0], two[1]);
    }
    CUPEL_TRY(one_read(model, item, range->most, &side, error));
    two[0] = fmax(range->middle - side, range->low);
    two[1] = range->middle + side;
    return CUPEL_OK;
}

static enum cupel_status affine_read(struct cupel_model *model, const struct augment_items *items,
                                     struct cupel_augment_settings *augment, struct cupel_error *error) {
    struct cupel_affine *affine = &augment->affine;
    CUPEL_TRY(range_read(model, items->rotate, &angle_range, affine->rotate, error));
    if (affine->rotate[1] - affine->rotate[0] > 360)
        return cupel_yaml_fail(&model->yaml, items->rotate, error,
                               "the angles are more than 360 degrees apart; 180 stands for all there are");
    CUPEL_TRY(range_read(model, items->scale, &scale_range, affine->scale, error));
    if (items->translate && items->translate->kind == CUPEL_YAML_SEQUENCE) {
        CUPEL_TRY(two_read(model, items->translate, 0, 1, affine->translate, error));
    } else if (items->translate) {
        CUPEL_TRY(one_read(model, items->translate, 1, &affine->translate[0], error));
        affine->translate[1] = affine->translate[0];
    }
    augment->resamples = items->rotate || items->translate || items->scale;
    return CUPEL_OK;
}

static enum cupel_status jitter_read(struct cupel_model *model, const struct cupel_yaml_item *item,
                                     struct cupel_augment_settings *augment, struct cupel_error *error) {
    struct jitter_items items = {{NULL}};
    const long long channels = model->data.shape.dim[0];
    struct cupel_jitter *jitter = &augment->jitter;
    double *const range[] = {jitter->brightness, jitter->contrast, jitter->saturation, jitter->hue};
    if (!item) return CUPEL_OK;
    CUPEL_TRY(cupel_fields_read(&model->yaml, item->key, item, "color_jitter", jitter_fields,
                                COUNT(jitter_fields), &items, error));
    if (channels != 1 && channels != 3)
        return cupel_yaml_fail(&model->yaml, item->key, error,
                               "colours have 1 or 3 channels, not %lld; remove 'color_jitter'", channels);
    for (int i = 0; i < 4; i++) {
        if (items.part[i] && i >= SATURATION && channels == 1)
            return cupel_yaml_fail(&model->yaml, items.part[i]->key, error,
                                   "images of one channel have no %s; remove it", jitter_fields[i].key);
        CUPEL_TRY(range_read(model, items.part[i], i == 3 ? &hue_range : &factor_range, range[i], error));
    }
    augment->recolours = true;
    return CUPEL_OK;
}

/* Masks go where whole pixels go: between them there are no classes. */
static enum cupel_status check_masks(const struct cupel_model *model, const struct cupel_yaml_item *item,
                                     struct cupel_error *error) {
    static const char *const resampling[] = {"rotate", "translate", "scale"};
    for (size_t i = 0; i < COUNT(resampling); i++) {
        const struct cupel_yaml_item *found = cupel_yaml_find(item, resampling[i]);
        if (found)
            return cupel_yaml_fail(&model->yaml, found->key, error,
                                   "'%s' does not move masks along, which task segment needs; use flip and "
                                   "crop",
                                   resampling[i]);
    }
    return CUPEL_OK;
}

enum cupel_status augment_read(struct cupel_model *model, const struct cupel_yaml_item *item,
                               struct cupel_error *error) {
    struct augment_items items = {
        .settings = {.affine = {.scale = {1, 1}}, .jitter = {{1, 1}, {1, 1}, {1, 1}, {0, 0}}}};
    struct cupel_augment_settings *augment = &model->data.augment;
    const struct cupel_yaml_item *fill = cupel_yaml_find(item, "fill"),
                                 *mixup = cupel_yaml_find(item, "mixup");
    if (item)
        CUPEL_TRY(cupel_fields_read(&model->yaml, item->key, item, "augment", augment_fields,
                                    COUNT(augment_fields), &items, error));
    *augment = items.settings;
    augment->fills = fill;
    CUPEL_TRY(affine_read(model, &items, augment, error));
    CUPEL_TRY(jitter_read(model, items.color_jitter, augment, error));
    if (fill && !augment->resamples)
        return cupel_yaml_fail(&model->yaml, fill->key, error,
                               "there is nothing to fill; add 'rotate', 'translate' or 'scale'");
    if (mixup && model->task != CUPEL_TASK_CLASSIFY)
        return cupel_yaml_fail(&model->yaml, mixup->key, error,
                               "'mixup' belongs to task classify; remove it");
    return model->task == CUPEL_TASK_SEGMENT ? check_masks(model, item, error) : CUPEL_OK;
}
