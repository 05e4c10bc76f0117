/* First values of states: constants, and draws keyed by the state's name. */
#include "base/init.h"

#include <math.h>
#include <string.h>

#include "philox.h"

/* 64-bit FNV-1a (Fowler, Noll, Vo). */
static uint64_t hash_name(const char *name) {
    uint64_t hash = 0xCBF29CE484222325u;
    for (; *name; name++) hash = (hash ^ (unsigned char)*name) * 0x100000001B3u;
    return hash;
}

static enum cupel_status fill_constant(double value, const char *name, enum cupel_dtype dtype, int64_t count,
                                       void *data, struct cupel_error *error) {
    /* Each integer type's range as doubles: from `low` up to but not including `end`. */
    double low = 0, end = 0;
    if (dtype == CUPEL_U8) end = 0x1p8;
    if (dtype == CUPEL_I32) end = -(low = -0x1p31);
    if (dtype == CUPEL_I64) end = -(low = -0x1p63);
    bool real = dtype == CUPEL_F32 || dtype == CUPEL_F64;
    if (!real && !(value >= low && value < end && value == trunc(value)))
        return cupel_fail(error, CUPEL_INVALID, "state '%s': %s cannot hold the initial value %g", name,
                          cupel_dtype_text(dtype), value);
    for (int64_t i = 0; i < count; i++) {
        if (dtype == CUPEL_F32) ((float *)data)[i] = (float)value;
        if (dtype == CUPEL_F64) ((double *)data)[i] = value;
        if (dtype == CUPEL_I32) ((int32_t *)data)[i] = (int32_t)value;
        if (dtype == CUPEL_I64) ((int64_t *)data)[i] = (int64_t)value;
        if (dtype == CUPEL_U8) ((uint8_t *)data)[i] = (uint8_t)value;
    }
    return CUPEL_OK;
}

/* Where the draws lie: centre + spread times a standard normal, or times a uniform number in [0, 1). */
struct draw {
    bool normal;
    double centre, spread;
};

static struct draw draw_of(const struct cupel_init *init, const struct cupel_shape *shape) {
    double field = 1, deviation;
    for (int d = 2; d < shape->rank; d++) field *= (double)shape->dim[d];
    double fan_in = (double)shape->dim[1] * field, fan_out = (double)shape->dim[0] * field;
    switch (init->kind) {
    case CUPEL_INIT_DIRECTION:
        return (struct draw){true, 0, 1};
    case CUPEL_INIT_NORMAL:
        return (struct draw){true, init->a, init->b};
    case CUPEL_INIT_UNIFORM:
        return (struct draw){false, init->a, init->b - init->a};
    case CUPEL_INIT_XAVIER_UNIFORM:
    case CUPEL_INIT_XAVIER_NORMAL:
        deviation = init->a * sqrt(2 / (fan_in + fan_out));
        break;
    default:
        deviation = sqrt(2 / ((1 + init->a * init->a) * fan_in));
    }
    if (init->kind == CUPEL_INIT_XAVIER_NORMAL || init->kind == CUPEL_INIT_KAIMING_NORMAL)
        return (struct draw){true, 0, deviation};
    double bound = sqrt(3) * deviation; /* the uniform distribution of this deviation */
    return (struct draw){false, -bound, 2 * bound};
}

static void fill_random(const struct draw *draw, uint64_t hash, uint64_t seed, bool wide, int64_t count,
                        void *data) {
    struct philox philox = philox_start(seed, PHILOX_INIT, (uint32_t)(hash >> 32), (uint32_t)hash);
    for (int64_t i = 0; i < count; i += 4) {
        struct philox_block block = philox_words(&philox, (uint64_t)i / 4);
        struct philox_floats values = philox_normals(block);
        for (int j = 0; j < 4 && i + j < count; j++) {
            float standard = draw->normal ? values.value[j] : philox_unit(block.word[j]);
            float value = fmaf((float)draw->spread, standard, (float)draw->centre);
            if (wide)
                ((double *)data)[i + j] = (double)value;
            else
                ((float *)data)[i + j] = value;
        }
    }
}

/* Makes the Euclidean norm 1. */
static void normalise(bool wide, int64_t count, void *data) {
    double square = 0;
    for (int64_t i = 0; i < count; i++) {
        const double value = wide ? ((double *)data)[i] : (double)((float *)data)[i];
        square += value * value;
    }
    for (int64_t i = 0; i < count && square > 0; i++) {
        if (wide)
            ((double *)data)[i] /= sqrt(square);
        else
            ((float *)data)[i] /= (float)sqrt(square);
    }
}

enum cupel_status init_fill(const struct cupel_init *init, const char *name, uint64_t seed,
                            enum cupel_dtype dtype, const struct cupel_shape *shape, void *data,
                            struct cupel_error *error) {
    int64_t count = cupel_shape_count(shape);
    if (init->kind == CUPEL_INIT_ZEROS) {
        memset(data, 0, (size_t)count * cupel_dtype_size(dtype));
        return CUPEL_OK;
    }
    if (init->kind == CUPEL_INIT_CONSTANT) return fill_constant(init->a, name, dtype, count, data, error);
    if (dtype != CUPEL_F32 && dtype != CUPEL_F64)
        return cupel_fail(error, CUPEL_INVALID,
                          "state '%s': %s starts as zeros or a constant, not as random numbers", name,
                          cupel_dtype_text(dtype));
    const bool direction = init->kind == CUPEL_INIT_DIRECTION;
    bool fans = !direction && init->kind != CUPEL_INIT_NORMAL && init->kind != CUPEL_INIT_UNIFORM;
    if (fans && shape->rank < 2)
        return cupel_fail(
            error, CUPEL_INVALID,
            "state '%s': Xavier and Kaiming initial values need at least two dimensions, not %d; "
            "use normal, uniform or a constant",
            name, shape->rank);
    struct draw draw = draw_of(init, shape);
    fill_random(&draw, hash_name(name), seed, dtype == CUPEL_F64, count, data);
    if (direction) normalise(dtype == CUPEL_F64, count, data);
    return CUPEL_OK;
}
