#include "files.h"

#include <criterion/criterion.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static char directory[] = "/tmp/cupel-test-XXXXXX";
static pid_t owner; /* the process that made the directory */

static int remove_one(const char *path, const struct stat *info, int flag, struct FTW *place) {
    (void)info;
    (void)flag;
    (void)place;
    return remove(path);
}

static void remove_directory(void) {
    if (owner == getpid()) nftw(directory, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

char *temporary_path(const char *name) {
    if (!owner) {
        cr_assert_not_null(mkdtemp(directory));
        owner = getpid();
        atexit(remove_directory);
    }
    /* Where paths that a test leaves to the process can still be found, so that they are no leaks. */
    static char *paths[1024];
    static size_t count;
    char **path = &paths[count++ % (sizeof paths / sizeof *paths)];
    cr_assert_gt(asprintf(path, "%s/%s", directory, name), 0);
    return *path;
}

void spill(const char *path, const void *bytes, size_t size) {
    FILE *file = fopen(path, "wb");
    cr_assert_not_null(file, "%s", path);
    cr_assert_eq(fwrite(bytes, 1, size, file), size);
    cr_assert_eq(fclose(file), 0);
}
