/* Work on streams: what runs after what.
 *
 * Every launch, copy, fill and event record is a task that names the tasks it must follow. Streams, events
 * and graphs only make such dependencies; among tasks whose dependencies are met, the order that is set
 * chooses. */
#ifndef EMU_TASK_H
#define EMU_TASK_H

#include <cstdint>
#include <memory>
#include <vector>

#include "block.h"

namespace emu {

using task_id = uint64_t; /* counts up from 1 as tasks are issued; 0 is no task */

/* What a task does. Graphs hold it and issue it again and again. */
struct work {
    virtual ~work() {
    }
    virtual void run() = 0;
    /* Writes what it is, for reports: "kernel NAME", "copy". */
    virtual void describe(char *text, size_t size) const = 0;
    virtual const kernel_run *kernel() const {
        return nullptr;
    }
};

/* Issues work (none: only an order) that follows `after`, of which finished ones and 0 do not matter. May run
 * it, or others, at once. */
task_id issue(std::shared_ptr<work> work, std::vector<task_id> after);

bool finished(task_id task);

/* Runs what is needed, and in some orders more, until the task has finished. The host knows of it then: all
 * that is issued later follows it. */
void wait_for(task_id task);
void wait_for_all();

/* Runs one task if there is any: a host that polls gets on. */
void make_progress();

/* Forgets all tasks, run or not. */
void drop_tasks();

/* The task that runs; 0 between tasks. */
extern task_id running_now;
inline task_id running_task() {
    return running_now;
}

/* Whether `first` is known to have finished before `second` could begin. */
bool task_ordered(task_id first, task_id second);

/* The work of an issued task, or null if it is not remembered: everything later follows it then. */
const work *work_of(task_id task);

enum emu_order order_in_force();
void set_order(enum emu_order order, uint64_t seed);

} // namespace emu

#endif
