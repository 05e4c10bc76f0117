/* cupel data scan: what a data set holds. */
#include <inttypes.h>

#include "cli/common.h"
#include "cupel/data.h"

static void print_classes(const struct cupel_dataset_scan *scan) {
    printf("classes   %s%s\n", count_text(scan->classes),
           scan->masks ? ", in the masks; counted are images that show them" : "");
    for (int64_t c = 0; c < scan->classes; c++) {
        const struct cupel_dataset_class *one = &scan->class_of[c];
        printf("  %5" PRId64 "  %-24s %10s for training %10s for testing%s\n", c, one->name ? one->name : "",
               count_text(one->train), count_text(one->test), one->train ? "" : "   no images to learn from");
    }
}

static void print_scan(const char *path, const struct cupel_dataset_scan *scan) {
    printf("%s\n\nformat    %s\nimages    %s for training, %s for testing\n", path, scan->format,
           count_text(scan->train), count_text(scan->test));
    if (scan->classes) print_classes(scan);
    if (scan->sizes == 1)
        printf("size      %" PRId64 " wide, %" PRId64 " high\n", scan->largest[1], scan->largest[0]);
    else
        printf("sizes     %s different ones, %" PRId64 " to %" PRId64 " wide, %" PRId64 " to %" PRId64
               " high\n",
               count_text(scan->sizes), scan->smallest[1], scan->largest[1], scan->smallest[0],
               scan->largest[0]);
    printf("colours   %s gray, %s RGB\n", count_text(scan->gray), count_text(scan->colour));
    if (scan->others) printf("others    %s files that are passed over\n", count_text(scan->others));
    printf("bad       %s\n", count_text(scan->bad_count));
    for (int64_t i = 0; i < scan->bad_count; i++) printf("  %s\n", scan->bad[i]);
}

int command_data(const struct arguments *arguments) {
    struct cupel_dataset_scan scan;
    struct cupel_error error = {0};
    if (cupel_dataset_scan(arguments->data, (int)arguments->threads, &scan, &error))
        return complain_error(&error);
    print_scan(arguments->data, &scan);
    const bool bad = scan.bad_count > 0;
    cupel_dataset_scan_free(&scan);
    return bad ? EXIT_RUN_FAILED : EXIT_DONE;
}
