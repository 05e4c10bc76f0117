/* Timing one call: again and again on the same memory, and on memory that is in no cache. */
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "bench/bench.h"

static const double hot_sample = 50e-6; /* seconds that a sample should last, for the clock to be exact */
enum {
    MOST_RUNS = 256,
    MOST_PLACES = 64,
    MOST_SAMPLES = 400,
    COLD_SAMPLES = 32,
    ALIGN = 256,
    LINE = 64,
    LEAST_SAMPLES = 3,
    PATIENCE = 4
};

/* Processor's time of this thread, which waits for the others: theirs is counted in ticks of milliseconds. */
static double processor_time(void) {
    struct timespec time;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

enum cupel_status device_time(struct cupel_device *device,
                              enum cupel_status (*run)(void *context, struct cupel_error *error),
                              void *context, double *seconds, double *use, struct cupel_error *error) {
    const struct backend *backend = device->backend;
    *use = 1;
    if (backend->time_begin) {
        CUPEL_TRY(backend->time_begin(device, error));
        CUPEL_TRY(run(context, error));
        return backend->time_end(device, seconds, error);
    }
    const double before = processor_time(), start = clock_now();
    CUPEL_TRY(run(context, error));
    *seconds = clock_now() - start;
    if (*seconds >= hot_sample / 2)
        *use = (processor_time() - before) / *seconds; /* else looking takes too long */
    return CUPEL_OK;
}

enum cupel_status call_run(struct call *call, struct cupel_error *error) {
    call->error.status = CUPEL_OK;
    call->kernel(call);
    if (call->error.status == CUPEL_OK) return CUPEL_OK;
    return cupel_fail(error, call->error.status, "%s: %s", ops[call->node->op].name, call->error.message);
}

/* ---- places ---- */

/* Bytes of the caches that have to be passed by; of a device that is not the processor more than any has. */
static size_t cache_bytes(const struct cupel_device *device) {
    const size_t other = (size_t)256 << 20, least = (size_t)8 << 20, most = (size_t)128 << 20;
    if (device->backend->time_begin) return strcmp(device->backend->name, "emu") == 0 ? least : other;
    const long known = sysconf(_SC_LEVEL3_CACHE_SIZE);
    const size_t bytes = known > 0 ? (size_t)known : 0;
    return bytes < least ? least : bytes > most ? most : bytes;
}

static size_t rounded(size_t bytes) {
    return (bytes + ALIGN - 1) / ALIGN * ALIGN;
}

static struct view *view_at(const struct call *call, int i) {
    return i < call->n_in ? &call->in[i] : &call->out[i - call->n_in];
}

static size_t view_bytes(const struct view *view) {
    return (size_t)view_count(view) * cupel_dtype_size(view->dtype); /* plans leave no gaps */
}

/* Which tensor's memory tensor i lies in: a state's new version in the old one's. */
static int lies_in(const struct call *call, int i) {
    const int update = i - call->n_in - (call->n_out - ops[call->node->op].updates);
    return i >= call->n_in && update >= 0 && ops[call->node->op].updates ? update : i;
}

static void bind(const struct timer *timer, int run) {
    const int tensors = timer->call->n_in + timer->call->n_out;
    char *const *place = timer->places + (size_t)(run % timer->count) * (size_t)(tensors + 1);
    for (int i = 0; i < tensors; i++) view_at(timer->call, i)->data = place[i];
    timer->call->workspace = place[tensors];
}

static size_t place_bytes(const struct call *call) {
    size_t bytes = rounded(call->workspace_bytes);
    for (int i = 0; i < call->n_in + call->n_out; i++)
        if (lies_in(call, i) == i) bytes += rounded(view_bytes(view_at(call, i)));
    return bytes ? bytes : ALIGN;
}

/* Writes where a place's tensors lie, and copies the inputs there. */
static enum cupel_status fill_place(const struct timer *timer, char **place, char *at, char *copy,
                                    struct cupel_error *error) {
    const struct call *call = timer->call;
    struct cupel_device *device = call->device;
    const int tensors = call->n_in + call->n_out;
    for (int i = 0; i < tensors; i++) {
        const struct view *view = view_at(call, i);
        const size_t bytes = view_bytes(view);
        place[i] = at;
        if (lies_in(call, i) != i) {
            place[i] = place[lies_in(call, i)];
            continue;
        }
        at += rounded(bytes);
        if (i >= call->n_in) continue;
        CUPEL_TRY(device->backend->download(device, copy, view->data, bytes, error));
        CUPEL_TRY(device->backend->upload(device, place[i], copy, bytes, error));
    }
    place[tensors] = at;
    return CUPEL_OK;
}

static enum cupel_status fill_places(struct timer *timer, struct cupel_error *error) {
    const struct call *call = timer->call;
    const int tensors = call->n_in + call->n_out;
    char *copy = malloc(timer->bytes);
    enum cupel_status status = copy ? CUPEL_OK : cupel_fail(error, CUPEL_NOMEM, "no memory to copy inputs");
    for (int i = 0; i < tensors; i++) timer->places[i] = view_at(call, i)->data;
    timer->places[tensors] = call->workspace;
    for (int p = 1; p < timer->count && status == CUPEL_OK; p++)
        status = fill_place(timer, timer->places + (size_t)p * (size_t)(tensors + 1),
                            timer->rooms->places + (size_t)(p - 1) * timer->stride, copy, error);
    free(copy);
    return status;
}

enum cupel_status rooms_open(struct cupel_device *device, struct rooms *rooms, struct cupel_error *error) {
    const size_t cache = cache_bytes(device);
    *rooms = (struct rooms){.device = device, .bytes = cache + cache / 4};
    rooms->places = device->backend->alloc(device, rooms->bytes);
    rooms->scratch = device->backend->alloc(device, rooms->bytes);
    if (rooms->places && rooms->scratch) return CUPEL_OK;
    rooms_close(rooms);
    return cupel_fail(error, CUPEL_NOMEM, "no memory for twice %zu MiB, which no cache holds",
                      rooms->bytes >> 20);
}

void rooms_close(struct rooms *rooms) {
    if (rooms->places) rooms->device->backend->free(rooms->device, rooms->places);
    if (rooms->scratch) rooms->device->backend->free(rooms->device, rooms->scratch);
    rooms->places = rooms->scratch = NULL;
}

enum cupel_status timer_open(struct call *call, const struct rooms *rooms, struct timer *timer,
                             struct cupel_error *error) {
    const size_t bytes = place_bytes(call), wanted = rooms ? rooms->bytes / bytes + 1 : 1;
    *timer = (struct timer){.call = call,
                            .rooms = rooms,
                            .count = wanted > MOST_PLACES ? MOST_PLACES : (int)wanted,
                            .bytes = bytes};
    timer->flushes = wanted > MOST_PLACES;
    timer->stride =
        timer->flushes ? rooms->bytes / MOST_PLACES / ALIGN * ALIGN : bytes; /* not what is prefetched */
    timer->places = calloc((size_t)timer->count * (size_t)(call->n_in + call->n_out + 1), sizeof(char *));
    const enum cupel_status status =
        timer->places ? fill_places(timer, error)
                      : cupel_fail(error, CUPEL_NOMEM, "no memory for %d places", timer->count);
    if (status) timer_close(timer);
    return status;
}

void timer_close(struct timer *timer) {
    if (timer->places && timer->places[0]) bind(timer, 0);
    free(timer->places);
    timer->places = NULL;
}

/* ---- samples ---- */

/* What one sample runs. */
struct sampling {
    struct timer *timer;
    int first, runs;
    bool same; /* place, for all of them */
    void *recording;
};

static enum cupel_status run_calls(struct sampling *sampling, struct cupel_error *error) {
    for (int r = 0; r < sampling->runs; r++) {
        if (!sampling->same) bind(sampling->timer, sampling->first + r);
        CUPEL_TRY(call_run(sampling->timer->call, error));
    }
    return CUPEL_OK;
}

static enum cupel_status run_sampling(void *context, struct cupel_error *error) {
    struct sampling *sampling = context;
    struct cupel_device *device = sampling->timer->call->device;
    if (sampling->recording) return device->backend->replay(device, sampling->recording, error);
    return run_calls(sampling, error);
}

static enum cupel_status sample(struct sampling *sampling, double *seconds, double *use,
                                struct cupel_error *error) {
    CUPEL_TRY(device_time(sampling->timer->call->device, run_sampling, sampling, seconds, use, error));
    *seconds /= sampling->runs;
    return CUPEL_OK;
}

/* Where the device replays recordings, microseconds of a kernel are not to be lost among those of its launch. */
static enum cupel_status record(struct sampling *sampling, struct cupel_error *error) {
    struct cupel_device *device = sampling->timer->call->device;
    const struct backend *backend = device->backend;
    if (!backend->replay) return CUPEL_OK;
    CUPEL_TRY(backend->record_begin(device, error));
    enum cupel_status status = backend->record_lane(device, 0, -1, error);
    if (status == CUPEL_OK) status = run_calls(sampling, error);
    const enum cupel_status ended =
        backend->record_end(device, &sampling->recording, status == CUPEL_OK ? error : NULL);
    return status != CUPEL_OK ? status : ended;
}

static void forget(struct sampling *sampling) {
    struct cupel_device *device = sampling->timer->call->device;
    if (sampling->recording) device->backend->forget(device, sampling->recording);
    bind(sampling->timer, 0);
}

/* Runs a sample needs to be long enough, by how long one takes. */
static int runs_for(double seconds) {
    const double runs = seconds > 0 ? hot_sample / seconds : MOST_RUNS;
    return runs < 1 ? 1 : runs > MOST_RUNS ? MOST_RUNS : (int)runs + 1;
}

/* Whether a pass may end: it knows enough, or its time is up and it is not just about to. */
static bool is_done(const struct series *series, double elapsed, double seconds) {
    return series_settled(series) || elapsed > PATIENCE * seconds ||
           (elapsed > seconds && series_quiet(series) >= LEAST_SAMPLES);
}

enum cupel_status timer_hot(struct timer *timer, double seconds, struct series *series,
                            struct cupel_error *error) {
    struct sampling sampling = {.timer = timer, .runs = 1, .same = true};
    double took = 0;
    double use;
    bind(timer, 0);
    const double start = clock_now();
    CUPEL_TRY(sample(&sampling, &took, &use, error)); /* the caches fill */
    if (took > seconds) {                             /* once is enough */
        CUPEL_TRY(series_add(series, took, use, error));
        series_end(series);
        return CUPEL_OK;
    }
    if (took < hot_sample) CUPEL_TRY(sample(&sampling, &took, &use, error));
    sampling.runs = runs_for(took);
    enum cupel_status status = record(&sampling, error);
    for (int i = 0; i < MOST_SAMPLES && status == CUPEL_OK; i++) {
        status = sample(&sampling, &took, &use, error);
        if (status == CUPEL_OK) status = series_add(series, took, use, error);
        if (is_done(series, clock_now() - start, seconds)) break;
    }
    series_end(series);
    forget(&sampling);
    return status;
}

/* Makes the caches hold something else. */
static enum cupel_status flush(const struct timer *timer, int value, struct cupel_error *error) {
    struct cupel_device *device = timer->call->device;
    if (!timer->flushes) return CUPEL_OK;
    if (device->backend->time_begin)
        return device->backend->fill(device, timer->rooms->scratch, value, timer->rooms->bytes, error);
    /* A long memset goes past the caches. */
    for (size_t i = 0; i < timer->rooms->bytes; i += LINE) timer->rooms->scratch[i] = (char)(value + 1);
    return CUPEL_OK;
}

/* Each place is used once after the caches have been emptied: one by one, or, where kernels are recorded, all in one
 * sample. */
enum cupel_status timer_cold(struct timer *timer, double seconds, struct series *series,
                             struct cupel_error *error) {
    const bool together = timer->call->device->backend->replay;
    struct sampling sampling = {.timer = timer, .runs = together ? timer->count : 1};
    const double start = clock_now();
    double took;
    double use;
    enum cupel_status status = record(&sampling, error);
    for (int i = 0; i < COLD_SAMPLES && status == CUPEL_OK; i++) {
        sampling.first = together ? 0 : i % timer->count;
        if (sampling.first == 0) status = flush(timer, i, error);
        if (status == CUPEL_OK) status = sample(&sampling, &took, &use, error);
        if (status == CUPEL_OK) status = series_add(series, took, use, error);
        if (clock_now() - start > seconds || series_settled(series)) break;
    }
    series_end(series);
    forget(&sampling);
    return status;
}
