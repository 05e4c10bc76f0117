#include "judge.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* SplitMix64 (Steele et al. 2014): the judges do not lean on the random numbers that they judge. */
static uint64_t next_bits(uint64_t *state) {
    uint64_t z = *state += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

static double next_unit(uint64_t *state) {
    return (double)(next_bits(state) >> 11) / 9007199254740992.0;
}

static double next_normal(uint64_t *state) {
    double u = 1 - next_unit(state), v = next_unit(state);
    return sqrt(-2 * log(u)) * cos(6.283185307179586 * v);
}

static double next_value(const struct case_input *in, uint64_t *state) {
    switch (in->kind) {
    case CASE_POSITIVE:
        return 0.5 + 1.5 * next_unit(state);
    case CASE_UNIT:
        return 0.05 + 0.9 * next_unit(state);
    case CASE_LABELS:
    case CASE_I64:
        return (double)(next_bits(state) % (uint64_t)(in->bound ? in->bound : 1));
    case CASE_U8:
        return (double)(next_bits(state) % 256);
    default:
        break;
    }
    double value = next_normal(state);
    while (fabs(value) < 0.05) value = next_normal(state);
    return value;
}

double *case_values(const struct case_input *in, const struct cupel_shape *shape, uint64_t salt) {
    int64_t n = cupel_shape_count(shape);
    double *values = malloc((size_t)n * sizeof *values);
    uint64_t state = 0x1234567 + salt * 7919;
    for (int64_t i = 0; i < n; i++)
        values[i] = in->kind == CASE_DISTINCT ? 0.1 * (double)(i - n / 2) + 0.05 : next_value(in, &state);
    for (int64_t i = n - 1; i > 0 && in->kind == CASE_DISTINCT; i--) {
        int64_t j = (int64_t)(next_bits(&state) % (uint64_t)(i + 1));
        double swap = values[i];
        values[i] = values[j];
        values[j] = swap;
    }
    if (in->kind == CASE_RNG) values[0] = 42, values[1] = 3;
    for (int64_t i = 0; i < n; i++) values[i] = (float)values[i];
    return values;
}

float coarse(double value) {
    const float single = (float)value;
    uint32_t bits;
    memcpy(&bits, &single, sizeof bits);
    bits = (bits + 0x7fff + (bits >> 16 & 1)) & 0xffff0000;
    float rounded;
    memcpy(&rounded, &bits, sizeof rounded);
    return rounded;
}

void *case_data(const struct cupel_tensor *tensor, const double *values) {
    int64_t n = tensor_count(tensor);
    size_t size = cupel_dtype_size(tensor->dtype);
    char *data = malloc((size_t)n * size);
    for (int64_t i = 0; i < n; i++) {
        char *to = data + (size_t)i * size;
        switch (tensor->dtype) {
        case CUPEL_F32:
            *(float *)to = (float)values[i];
            break;
        case CUPEL_F64:
            *(double *)to = values[i];
            break;
        case CUPEL_I32:
            *(int32_t *)to = (int32_t)values[i];
            break;
        case CUPEL_I64:
            *(int64_t *)to = (int64_t)values[i];
            break;
        default:
            *(uint8_t *)to = (uint8_t)values[i];
            break;
        }
    }
    return data;
}

bool write_state(struct cupel_store *store, const char *name, const struct cupel_tensor *tensor,
                 const double *values, struct cupel_error *error) {
    void *data = case_data(tensor, values);
    const size_t bytes = (size_t)tensor_count(tensor) * cupel_dtype_size(tensor->dtype);
    enum cupel_status status = cupel_store_write(store, name, data, bytes, error);
    free(data);
    return status == CUPEL_OK;
}

static struct cupel_tensor *add_input(struct trial *trial, int i) {
    const struct case_input *in = &trial->one->in[i];
    char name[16];
    snprintf(name, sizeof name, "in%d", i);
    switch (in->kind) {
    case CASE_RNG:
        return cupel_state(trial->graph, "rng", CUPEL_I64, &CUPEL_SHAPE(2), NULL);
    case CASE_LABELS:
        return cupel_state(trial->graph, name, CUPEL_I32, &in->shape, NULL);
    case CASE_I64:
        return cupel_state(trial->graph, name, CUPEL_I64, &in->shape, NULL);
    case CASE_U8:
        return cupel_state(trial->graph, name, CUPEL_U8, &in->shape, NULL);
    default:
        break;
    }
    if (!(trial->odd >> i & 1)) return cupel_state(trial->graph, name, trial->graph->real, &in->shape, NULL);
    const int64_t count = cupel_shape_count(&in->shape);
    return cupel_part(cupel_state(trial->graph, name, trial->graph->real, &CUPEL_SHAPE(count + 1), NULL),
                      NULL, 1, &in->shape, NULL);
}

static void build(struct trial *trial, const struct op_case *one, const char *device, enum cupel_dtype real,
                  unsigned odd) {
    *trial = (struct trial){.one = one, .n_in = case_inputs(one), .odd = odd};
    if (cupel_device_open(device, 2, &trial->device, &trial->error) != CUPEL_OK) return;
    trial->store = cupel_store_new(trial->device, 1);
    trial->graph = cupel_graph_new(real);
    for (int i = 0; i < trial->n_in; i++) trial->in[i] = add_input(trial, i);
    one->build(one, trial->in, trial->out);
    while (trial->n_out < CASE_MAX_OUT && trial->out[trial->n_out]) trial->n_out++;
    trial->error = trial->graph->error;
    if (!trial->n_out) cupel_fail(&trial->error, CUPEL_FAILED, "the case built no output");
}

void trial_build(struct trial *trial, const struct op_case *one, const char *device, enum cupel_dtype real) {
    build(trial, one, device, real, 0);
}

void trial_build_odd(struct trial *trial, const struct op_case *one, const char *device, unsigned odd) {
    build(trial, one, device, CUPEL_F32, odd);
}

static bool reset_input(struct trial *trial, int i) {
    const struct cupel_tensor *in = trial->in[i];
    double *values = case_values(&trial->one->in[i], &in->shape, (uint64_t)i);
    int64_t count = tensor_count(in);
    for (int64_t k = 0; k < count && trial->coarse && is_real(in); k++) values[k] = coarse(values[k]);
    if (in->node->op == OP_part) { /* what lies before it is not for reading */
        values = realloc(values, (size_t)++count * sizeof *values);
        memmove(values + 1, values, (size_t)(count - 1) * sizeof *values);
        values[0] = NAN;
        in = in->node->in[0];
    }
    struct cupel_error unused = {0};
    /* An input that the outputs do not need is not in the store. */
    const bool done = write_state(trial->store, in->node->attr.state.name, in, values, &unused) ||
                      unused.status == CUPEL_INVALID;
    free(values);
    return done;
}

bool trial_reset(struct trial *trial) {
    bool done = true;
    for (int i = 0; i < trial->n_in && done; i++) done = reset_input(trial, i);
    return done;
}

bool trial_compile(struct trial *trial, struct cupel_tensor *const *outputs, int count,
                   const struct cupel_plan_options *options) {
    if (trial->error.status != CUPEL_OK) return false;
    cupel_plan_free(trial->plan);
    return cupel_compile(trial->store, trial->graph, outputs, count, options, &trial->plan, &trial->error) ==
               CUPEL_OK &&
           trial_reset(trial);
}

bool trial_run(struct trial *trial) {
    return cupel_run(trial->plan, &trial->error) == CUPEL_OK;
}

double *trial_read(struct trial *trial, int index, struct cupel_tensor *tensor, int64_t *count) {
    *count = tensor_count(tensor);
    size_t bytes = (size_t)*count * cupel_dtype_size(tensor->dtype);
    char *data = malloc(bytes);
    double *values = malloc((size_t)*count * sizeof *values);
    if (cupel_plan_read(trial->plan, index, data, bytes, &trial->error) != CUPEL_OK)
        memset(data, 0xFF, bytes);
    for (int64_t i = 0; i < *count; i++) {
        switch (tensor->dtype) {
        case CUPEL_F32:
            values[i] = ((float *)data)[i];
            break;
        case CUPEL_F64:
            values[i] = ((double *)data)[i];
            break;
        case CUPEL_I32:
            values[i] = ((int32_t *)data)[i];
            break;
        case CUPEL_I64:
            values[i] = (double)((int64_t *)data)[i];
            break;
        default:
            values[i] = ((uint8_t *)data)[i];
            break;
        }
    }
    free(data);
    return values;
}

void trial_free(struct trial *trial) {
    cupel_plan_free(trial->plan);
    cupel_graph_free(trial->graph);
    cupel_store_free(trial->store);
    cupel_device_close(trial->device);
}

double relative_error(const double *a, const double *b, int64_t count, double floor) {
    double difference = 0, norm = 0;
    for (int64_t i = 0; i < count; i++) {
        if (isnan(a[i]) && isnan(b[i])) continue;
        if (a[i] == b[i]) {
            norm += isfinite(b[i]) ? b[i] * b[i] : 0;
            continue;
        }
        if (!isfinite(a[i]) || !isfinite(b[i])) return INFINITY;
        difference += (a[i] - b[i]) * (a[i] - b[i]);
        norm += b[i] * b[i];
    }
    norm = sqrt(norm);
    if (norm < floor) norm = floor;
    return difference == 0 ? 0 : sqrt(difference) / norm;
}
