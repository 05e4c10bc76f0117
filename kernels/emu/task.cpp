/* The task table and the choice of what runs next; see task.h. */
#include "task.h"

#include <algorithm>
#include <map>
#include <set>

#include "memory.h"
#include "report.h"

namespace emu {

task_id running_now;

namespace {

struct task {
    std::shared_ptr<emu::work> work;
    std::vector<task_id> after;
    bool done = false;
    task_id known = 0; /* tasks from this one on were issued when the host knew that this one had finished */
};

/* Pending tasks, and finished ones for as long as something may not follow them. */
std::map<task_id, task> table;
std::vector<task_id> pending; /* in order of issue */
task_id last_id;

emu_order order = EMU_FORWARD;

bool is_ready(const task &task) {
    return std::all_of(task.after.begin(), task.after.end(), finished);
}

void run_task(size_t position) {
    task_id id = pending[position];
    pending.erase(pending.begin() + static_cast<std::ptrdiff_t>(position));
    task &task = table[id];
    if (task.work && sticky_error() == cudaSuccess) {
        device_open();
        running_now = id;
        task.work->run();
        running_now = 0;
    }
    task.done = true;
}

/* Marks `target` and all that it follows. */
void collect(task_id target, std::set<task_id> &found) {
    std::vector<task_id> rest = {target};
    while (!rest.empty()) {
        task_id id = rest.back();
        rest.pop_back();
        auto entry = table.find(id);
        if (entry == table.end() || !found.insert(id).second) continue;
        rest.insert(rest.end(), entry->second.after.begin(), entry->second.after.end());
    }
}

/* Position in `pending` of the next to run; of those in `needed` if that is given. -1: none is ready. */
std::ptrdiff_t choose(const std::set<task_id> *needed) {
    std::vector<std::ptrdiff_t> ready;
    for (size_t i = 0; i < pending.size(); i++) {
        if (needed && !needed->count(pending[i])) continue;
        if (!is_ready(table[pending[i]])) continue;
        ready.push_back(static_cast<std::ptrdiff_t>(i));
        if (order == EMU_FORWARD || order == EMU_DEPTH_FIRST) break;
    }
    if (ready.empty()) return -1;
    if (order == EMU_RANDOM) return ready[random_number() % ready.size()];
    return order == EMU_REVERSED ? ready.back() : ready.front();
}

/* Forgets finished tasks that everything unfinished and everything to come follows. */
void prune() {
    task_id oldest = last_id + 1; /* that the host does not know to have finished */
    for (const auto &[id, task] : table)
        if (!task.known) oldest = std::min(oldest, id);
    for (auto entry = table.begin(); entry != table.end();) {
        bool settled = entry->second.done && entry->second.known && entry->second.known <= oldest;
        entry = settled ? table.erase(entry) : std::next(entry);
    }
}

void host_knows(const std::set<task_id> &done) {
    for (task_id id : done)
        if (!table[id].known) table[id].known = last_id + 1;
    prune();
}

} // namespace

task_id issue(std::shared_ptr<work> work, std::vector<task_id> after) {
    task_id id = ++last_id;
    task &made = table[id];
    made.work = std::move(work);
    for (task_id earlier : after)
        if (table.count(earlier)) made.after.push_back(earlier);
    pending.push_back(id);
    if (order == EMU_FORWARD)
        while (!pending.empty()) run_task(0);
    else if (order == EMU_RANDOM)
        while (random_number() % 2 && !pending.empty()) make_progress();
    return id;
}

bool finished(task_id id) {
    auto entry = table.find(id);
    return entry == table.end() || entry->second.done;
}

void wait_for(task_id target) {
    std::set<task_id> needed;
    collect(target, needed);
    while (!finished(target)) {
        std::ptrdiff_t next = choose(order == EMU_DEPTH_FIRST ? &needed : nullptr);
        run_task(static_cast<size_t>(next));
    }
    host_knows(needed);
    device_close();
}

void wait_for_all() {
    while (!pending.empty()) make_progress();
    std::set<task_id> all;
    for (const auto &[id, task] : table) all.insert(id);
    host_knows(all);
    device_close();
}

void make_progress() {
    std::ptrdiff_t next = choose(nullptr);
    if (next >= 0) run_task(static_cast<size_t>(next));
}

void drop_tasks() {
    table.clear();
    pending.clear();
    device_close();
}

bool task_ordered(task_id first, task_id second) {
    static task_id cached_first, cached_second;
    static bool cached;
    auto entry = table.find(first);
    if (first == second || entry == table.end()) return true;
    if (entry->second.known && entry->second.known <= second) return true;
    if (first != cached_first || second != cached_second) {
        std::set<task_id> before;
        collect(second, before);
        cached_first = first;
        cached_second = second;
        cached = before.count(first) > 0;
    }
    return cached;
}

const work *work_of(task_id id) {
    auto entry = table.find(id);
    return entry == table.end() ? nullptr : entry->second.work.get();
}

enum emu_order order_in_force() {
    return order;
}

void set_order(enum emu_order chosen, uint64_t seed) {
    wait_for_all(); /* nothing issued under one order runs under the next */
    order = chosen;
    seed_random(seed);
}

} // namespace emu
