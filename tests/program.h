/* The program as a child process, in a directory of the test's own. */
#ifndef CUPEL_TESTS_PROGRAM_H
#define CUPEL_TESTS_PROGRAM_H

#include <sys/types.h>

struct outcome {
    int status;            /* exit status; -1 when a signal ended it */
    int signal;            /* that signal, or 0 */
    const char *out, *err; /* what it wrote; good until the next program ends */
};

/* The directory where programs run, made on first use. It holds `m.yaml`, a small model, which finds the data
 * set of training.h in `data`. */
const char *work_directory(void);

/* Writes a text file there. */
void work_file(const char *name, const char *text);

/* The path of a file there; it stays valid until the test ends. */
const char *work_path(const char *name);

/* Starts build/cupel with the arguments that a shell makes of the text. */
pid_t start_cupel(const char *arguments);

/* Waits for its end. */
struct outcome finish(pid_t pid);

/* Both. */
struct outcome run_cupel(const char *arguments);

/* The same for any shell command; $CUPEL is the program. */
struct outcome run_shell(const char *command);

#endif
