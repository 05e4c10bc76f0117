/* What a GAN's report shows, and the program. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "files.h"
#include "gan_runs.h"
#include "program.h"

static char *report_of(struct cupel_model *model, struct cupel_train_options options,
                       enum cupel_status expected) {
    size_t size;
    struct cupel_error error = {0};
    struct cupel_train_result result = train(model, &options, expected, NULL);
    cr_assert_eq(cupel_report_write(model, &options, &result, &error), CUPEL_OK, "%s", error.message);
    cupel_train_result_free(&result);
    cupel_model_free(model);
    return read_whole(inside(options.out, "report.html"), &size);
}

static int occurrences(const char *text, const char *part) {
    int count = 0;
    for (const char *at = text; (at = strstr(at, part)); at++) count++;
    return count;
}

Test(gan_report, the_report_shows_samples_curves_and_warnings) {
    char *out = temporary_path("reported");
    char *page = report_of(sharp_gan("steps: 210, " SIDES(1e-9, 0.005)),
                           (struct cupel_train_options){.out = out, .sample_steps = 4}, CUPEL_OK);
    static const char *const parts[] = {"<h2>Samples</h2>",
                                        "<input type='range'",
                                        "alt='samples after step 210'",
                                        "<figcaption>step 210, diversity ",
                                        "<h2>Health</h2>",
                                        "<b>discriminator too strong</b>",
                                        " to the end</td>",
                                        "fewer `discriminator_steps`</td>",
                                        "Losses</text>",
                                        "D(G(z))</text>",
                                        "probability of being real",
                                        "Accuracy of the discriminator",
                                        "Gradients",
                                        "Samples against real images",
                                        "Learning rates",
                                        "<b>1</b><span>warning</span>",
                                        "</html>"};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) expect_part(page, parts[i]);
    static const char *const forbidden[] = {"http:", "https:", "<link",     "url(",          "src='s",
                                            ">nan",  ">inf",   "Confusion", "cross entropy", "<script src"};
    for (size_t i = 0; i < sizeof forbidden / sizeof *forbidden; i++)
        cr_expect(!strstr(page, forbidden[i]), "the report has %s", forbidden[i]);
    cr_expect_eq(occurrences(page, "<figcaption>"), 25, "of 53 grids");
    cr_expect_eq(occurrences(page, "data:image/png;base64,iVBOR"), 25);
    cr_expect_eq(occurrences(page, "<script>"), 1);
    free(page);
    free(out);
}

Test(gan_report, the_report_of_a_run_that_failed_says_where) {
    char *out = temporary_path("failed"), *init = planted(tiny_gan(TINY_CODE, STILL), plant_nan);
    char *page =
        report_of(tiny_gan(TINY_CODE, STILL),
                  (struct cupel_train_options){.out = out, .init = init, .log_steps = 1}, CUPEL_FAILED);
    expect_part(page, "Failed after 1 step.");
    expect_part(page, "<td>step 1</td><td><b>NaN</b></td><td>generator.deconv2.weight</td>");
    expect_part(page, "Losses: nothing was measured.");
    free(page);
    free(out);
    free(init);
}

Test(gan_report, a_good_run_has_an_empty_list_of_warnings) {
    char *out = temporary_path("good");
    char *page =
        report_of(tiny_gan(TINY_CODE, "steps: 3, " SLOW), (struct cupel_train_options){.out = out}, CUPEL_OK);
    expect_part(page, "<p class='quiet'>No warning was given.</p>");
    expect_part(page, "code</text>");
    cr_expect_eq(unlink(inside(out, "samples/000002.png")), 0);
    free(page);
    page = report_of(tiny_gan(TINY_CODE, "steps: 3, " SLOW),
                     (struct cupel_train_options){.out = out, .resume = true}, CUPEL_OK);
    cr_expect_eq(occurrences(page, "<figcaption>"), 2, "a file that is gone is left out");
    free(page);
    free(out);
}

Test(gan_report, episodes_have_a_beginning_and_an_end) {
    static const char lines[] =
        "{\"step\":1,\"epoch\":1,\"warning\":\"collapse\",\"value\":0.01,\"time_s\":1}\n"
        "{\"step\":1,\"epoch\":1,\"warning\":\"of another version\",\"value\":0.5,\"time_s\":1}\n"
        "{\"step\":2,\"epoch\":1,\"warning\":\"discriminator too strong\",\"value\":0.99,\"time_s\":1}\n"
        "{\"step\":2,\"epoch\":1,\"warning_over\":\"collapse\",\"value\":0.4,\"time_s\":1}\n"
        "{\"step\":3,\"epoch\":1,\"warning\":\"collapse\",\"value\":0.02,\"time_s\":1}\n";
    char *out = temporary_path("episodes");
    const struct cupel_train_options options = {.out = out};
    struct cupel_error error = {0};
    struct cupel_model *model = tiny_gan(TINY_PLAIN, "steps: 3, " SLOW);
    struct cupel_train_result result = train(model, &options, CUPEL_OK, NULL);
    spill(inside(out, "metrics.jsonl"), lines, sizeof lines - 1);
    cr_assert_eq(cupel_report_write(model, &options, &result, &error), CUPEL_OK, "%s", error.message);
    size_t size;
    char *page = read_whole(inside(out, "report.html"), &size);
    expect_part(page, "<td>step 1 to 2</td><td><b>collapse</b></td><td>0.01</td>");
    expect_part(page, "<td>step 2 to the end</td><td><b>discriminator too strong</b></td><td>0.99</td>");
    expect_part(page, "<td>step 3 to the end</td><td><b>collapse</b></td><td>0.02</td>");
    expect_part(page, "<b>3</b><span>warnings</span>");
    cr_expect(!strstr(page, "<h2>Samples"), "there is none");
    free(page);
    cupel_train_result_free(&result);
    cupel_model_free(model);
    free(out);
}

/* ---- the program ---- */

Test(gan_report, the_program_tells_of_samples_and_warnings) {
    char text[1200];
    snprintf(text, sizeof text,
             "task: gan\n"
             "data: {format: idx, path: data, shape: [1, 8, 8]}\n"
             "networks:\n"
             "  generator: {input: {noise: [8, 1, 1]}, layers: [deconv: {out: 1, kernel: 8}, sigmoid]}\n"
             "  discriminator: {input: image, layers: [flatten, linear: {out: 32}, leaky_relu, linear: {out: "
             "1}]}\n"
             "train: {batch: 16, steps: 210, optimizer: {generator: {adam: {lr: 1.0e-9}}, discriminator: "
             "{adam: {lr: 0.01}}}}\n");
    work_file("g.yaml", text);
    struct outcome outcome = run_cupel("train g.yaml --out g --sample-steps 50 --threads 1");
    cr_assert_eq(outcome.status, 0, "%s", outcome.err);
    expect_part(outcome.out, "samples    g/samples\n");
    expect_part(outcome.err, "cupel: note: step ");
    expect_part(outcome.err, ": discriminator too strong: the lower of D(x)");
    cr_expect(access(work_path("g/samples/000050.png"), F_OK) == 0);
    cr_expect(access(work_path("g/samples/000210.png"), F_OK) == 0);
    cr_expect(access(work_path("g/samples/000020.png"), F_OK) != 0);
    outcome = run_cupel(
        "train g.yaml --out n --threads 1 --set train.loss=least_squares --set "
        "train.optimizer.discriminator.adam.lr=1e30");
    cr_expect_eq(outcome.status, 1, "%s", outcome.err);
    expect_part(outcome.err, "; the first such number is in step ");
    cr_expect(access(work_path("n/report.html"), F_OK) == 0);
}
