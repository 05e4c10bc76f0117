/* Elementwise ops of every device against the reference device at the kinks and the ends of the number range, which the
 * cases keep away from: zeros of both signs, NaN, infinities, numbers whose powers are none. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>

#include "bench.h"
#include "graph/node.h"
#include "judge.h"

static const float ends[] = {NAN, -INFINITY, -1e18f,  -200,  -88, -12,    -4,    -2,
                             -1,  -0.5f,     -1e-30f, -0.0f, 0,   1e-30f, 0.5f,  1,
                             2,   4,         16.5f,   20.f,  88,  200,    1e18f, INFINITY};
enum { ENDS = (int)(sizeof ends / sizeof *ends), PAIRS = ENDS * ENDS };

/* op(a, b) for each end a and each end b, as a node of its own or as
 * a chain. To be freed; NULL when the op refuses p and q. */
static float *run(const char *device, enum op_id op, double p, double q, bool chained) {
    struct bench bench = bench_open(device);
    float *a = malloc(PAIRS * sizeof *a), *b = malloc(PAIRS * sizeof *b);
    for (int i = 0; i < PAIRS; i++) {
        a[i] = ends[i / ENDS];
        b[i] = ends[i % ENDS];
    }
    struct cupel_tensor *in[] = {cupel_constant(bench.graph, CUPEL_F32, &CUPEL_SHAPE(PAIRS), a),
                                 cupel_constant(bench.graph, CUPEL_F32, &CUPEL_SHAPE(PAIRS), b)};
    struct cupel_tensor *y = node_add_list(op, in, ops[op].max_in, ATTR(number, .a = p, .b = q));
    if (y && chained) y = node_add_list(OP_chain, in, 2, ATTR(chain, .count = 1, .step = {{op, 0, 1, p, q}}));
    if (!y) {
        bench_close(&bench);
        free(a);
        free(b);
        return NULL;
    }
    bench_compile(&bench, &y, 1, NULL);
    bench_run(&bench);
    cr_assert_eq(cupel_plan_read(bench.plan, 0, a, PAIRS * sizeof *a, &bench.error), CUPEL_OK, "%s",
                 bench.error.message);
    bench_close(&bench);
    free(b);
    return a;
}

static bool same(float x, float y) {
    if (isnan(x) || isnan(y)) return isnan(x) && isnan(y);
    return x == y || fabsf(x - y) <= 2e-5f * fabsf(y) + 1e-37f;
}

static void compare(const char *device) {
    const double numbers[][2] = {{0.5, 4}, {2, 2}, {-1, 3}, {0, INFINITY}};
    for (int op = 0; op < OP_COUNT; op++) {
        if (!op_chains((enum op_id)op)) continue;
        for (int n = 0; n < 8; n++) {
            const double p = numbers[n / 2][0], q = numbers[n / 2][1];
            float *found = run(device, (enum op_id)op, p, q, n % 2);
            float *expected = run("reference", (enum op_id)op, p, q, false);
            for (int i = 0; i < PAIRS && found; i++)
                cr_expect(same(found[i], expected[i]), "%s%s: %s(%g, %g; %g, %g) is %.9g, not %.9g", device,
                          n % 2 ? ", chained" : "", ops[op].name, (double)ends[i / ENDS],
                          (double)ends[i % ENDS], p, q, (double)found[i], (double)expected[i]);
            free(found);
            free(expected);
        }
    }
}

Test(elementwise_ends, cpu) {
    compare("cpu");
}
Test(elementwise_ends, emu) {
    need_device("emu");
    compare("emu");
}
Test(elementwise_ends, cuda) {
    need_device("cuda");
    compare("cuda");
}
