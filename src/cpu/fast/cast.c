/* Between f32 and bf16: the op `cast`, and reference kernels, which know f32 alone, for calls with bf16. */
#include "cpu/fast/cast.h"

#include <stdlib.h>

#include "cpu/fast/half.h"

#define CAST(name, from_half, to_half)                                                     \
    static void name(void *to, const void *from, int64_t n, int threads) {                 \
        FAST_FOR(i, n, threads, FAST_SERIAL) put(to, i, get(from, i, from_half), to_half); \
    }
CAST(copy, false, false)
CAST(narrow, false, true)
CAST(widen, true, false)
CAST(copy_half, true, true)

static void run_cast(struct call *call) {
    static void (*const casts[2][2])(void *, const void *, int64_t, int) = {{copy, narrow},
                                                                            {widen, copy_half}};
    const struct view *x = &call->in[0], *y = &call->out[0];
    casts[is_half(x)][is_half(y)](y->data, x->data, view_count(y), call->device->threads);
}
FAST_PREPARE(cast, true)

/* ---- calls as if they were in f32 ---- */

struct widened {
    struct call inner;
    struct view *views; /* inner's, inputs first */
    size_t *place;      /* by view: of its copy in the workspace */
};

static struct view *view_at(struct call *call, int i) {
    return i < call->n_in ? &call->in[i] : &call->out[i - call->n_in];
}

static void run_widened(struct call *call) {
    struct widened *widened = call->prepared;
    const int threads = call->device->threads;
    for (int i = 0; i < call->n_in + call->n_out; i++) {
        const struct view *view = view_at(call, i);
        widened->views[i].data = is_half(view) ? (char *)call->workspace + widened->place[i] : view->data;
        if (is_half(view) && i < call->n_in)
            widen(widened->views[i].data, view->data, view_count(view), threads);
    }
    widened->inner.kernel(&widened->inner);
    call->error = widened->inner.error;
    for (int i = call->n_in; i < call->n_in + call->n_out; i++)
        if (is_half(view_at(call, i)))
            narrow(view_at(call, i)->data, widened->views[i].data, view_count(view_at(call, i)), threads);
}

bool cast_wanted(struct call *call) {
    bool wanted = false;
    for (int i = 0; i < call->n_in + call->n_out; i++) wanted = wanted || is_half(view_at(call, i));
    return wanted;
}

enum cupel_status cast_around(struct call *call, struct cupel_error *error) {
    const size_t count = (size_t)call->n_in + (size_t)call->n_out;
    struct widened *widened =
        calloc(1, sizeof *widened + count * (sizeof *widened->views + sizeof *widened->place));
    if (!widened)
        return cupel_fail(error, CUPEL_NOMEM, "no memory for the copies of %s", ops[call->node->op].name);
    widened->views = (struct view *)(widened + 1);
    widened->place = (size_t *)(widened->views + count);
    widened->inner = *call;
    widened->inner.in = widened->views;
    widened->inner.out = widened->views + call->n_in;
    for (int i = 0; i < (int)count; i++) {
        widened->views[i] = *view_at(call, i);
        if (!is_half(view_at(call, i))) continue;
        widened->views[i].dtype = CUPEL_F32;
        widened->place[i] = call->workspace_bytes;
        call->workspace_bytes += ((size_t)view_count(view_at(call, i)) * sizeof(float) + 63) / 64 * 64;
    }
    call->prepared = widened;
    call->release = free;
    call->kernel = run_widened;
    return CUPEL_OK;
}
