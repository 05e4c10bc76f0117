/* How two devices' numbers are compared. */
#include <math.h>
#include <string.h>

#include "check/check.h"

double element(const void *data, enum cupel_dtype dtype, int64_t i) {
    switch (dtype) {
    case CUPEL_F32:
        return ((const float *)data)[i];
    case CUPEL_F64:
        return ((const double *)data)[i];
    case CUPEL_I32:
        return ((const int32_t *)data)[i];
    case CUPEL_I64:
        return (double)((const int64_t *)data)[i];
    case CUPEL_U8:
        return ((const uint8_t *)data)[i];
    default:
        return NAN; /* 16-bit numbers are f32 on the host */
    }
}

/* Bits of a number behind the point, and the exponent of the smallest normal one. */
static const struct {
    int fraction, least;
} formats[] = {
    [CUPEL_F32] = {23, -126}, [CUPEL_F64] = {52, -1022}, [CUPEL_BF16] = {7, -126}, [CUPEL_F16] = {10, -14}};

static bool is_integer(enum cupel_dtype dtype) {
    return dtype == CUPEL_I32 || dtype == CUPEL_I64 || dtype == CUPEL_U8;
}

/* The distance from the number to its neighbour away from zero. */
static double last_place(double value, enum cupel_dtype dtype) {
    if (is_integer(dtype)) return 1;
    int exponent = formats[dtype].least;
    if (value != 0) exponent = ilogb(value);
    if (exponent < formats[dtype].least) exponent = formats[dtype].least;
    return ldexp(1, exponent - formats[dtype].fraction);
}

float round_to(float value, enum cupel_dtype dtype) {
    if ((dtype != CUPEL_BF16 && dtype != CUPEL_F16) || !isfinite(value)) return value;
    const double unit = last_place(value, dtype);
    const double most = dtype == CUPEL_F16 ? 65504 : 3.3895313892515355e38;
    const double rounded = nearbyint(value / unit) * unit; /* ties to even; value / unit is exact */
    return fabs(rounded) > most ? copysignf(INFINITY, value) : (float)rounded;
}

struct measure measure_arrays(const void *got, const void *expected, enum cupel_dtype dtype,
                              enum cupel_dtype stored, int64_t count) {
    struct measure measure = {.at = -1};
    double squares = 0, norm = 0;
    bool apart = false; /* somewhere one is a number and the other is none */
    for (int64_t i = 0; i < count; i++) {
        const double b = element(got, dtype, i), a = element(expected, dtype, i);
        if (isnan(a)) measure.missing++;
        if (isfinite(a)) {
            norm += a * a;
            measure.largest = fmax(measure.largest, fabs(a));
        }
        const bool same = a == b || (isnan(a) && isnan(b));
        const double off = same ? 0 : isfinite(a) && isfinite(b) ? fabs(b - a) : INFINITY;
        if (isfinite(off)) {
            squares += off * off;
            if (!same) measure.ulp = fmax(measure.ulp, off / last_place(a, stored));
        } else {
            apart = true;
        }
        if (measure.at >= 0 && !(off > measure.worst)) continue;
        measure.worst = off;
        measure.at = i;
        measure.got = b;
        measure.expected = a;
    }
    /* Different integers may be the same double. */
    const size_t size = cupel_dtype_size(dtype);
    if (is_integer(dtype) && measure.worst == 0 && memcmp(got, expected, (size_t)count * size) != 0)
        squares = measure.worst = measure.ulp = 1;
    if (apart) measure.ulp = INFINITY;
    measure.difference = apart ? INFINITY : sqrt(squares);
    measure.error = measure.difference == 0 ? 0 : measure.difference / fmax(sqrt(norm), 1e-30);
    return measure;
}

bool measure_passes(const struct measure *measure, enum cupel_dtype dtype, double tolerance) {
    if (is_integer(dtype)) return measure->worst == 0;
    return measure->error <= tolerance && measure->worst <= 20 * tolerance * fmax(measure->largest, 1e-30);
}
