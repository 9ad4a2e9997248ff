#include "cmd/self.h"

#include "cmd/version.h"
#include "lib/sys/process.h"

static void collect(void *context) {
    struct self_metrics *self = context;
    struct process_info info = {0};
    process_info_read(&info);
    counter_set(self->cpu, info.cpu_seconds);
    gauge_set(self->resident, (double)info.resident_bytes);
    gauge_set(self->virtual_memory, (double)info.virtual_bytes);
    gauge_set(self->start, info.start_time_seconds);
    gauge_set(self->open_fds, (double)info.open_fds);
    gauge_set(self->max_fds, (double)info.max_fds);
    gauge_set(self->max_virtual, (double)info.max_virtual_bytes);
    gauge_set(self->threads, (double)info.threads);
}

static void add_build_info(struct registry *registry) {
    const struct version *version = version_of_program();
    const char *const labels[] = {"version",         version->version,  "revision",
                                  version->revision, "branch",          version->branch,
                                  "platform",        version->platform, NULL};
    gauge_set(registry_gauge(registry, "prometheus_build_info",
                             "A metric with a constant '1' value labeled by version, revision and branch.",
                             labels),
              1);
}

void self_init(struct self_metrics *self, struct registry *registry) {
    *self = (struct self_metrics){.registry = registry};
    add_build_info(registry);
    self->ready =
        registry_gauge(registry, "prometheus_ready",
                       "Whether Prometheus startup was fully completed and the server is ready for normal "
                       "operation.",
                       NULL);
    self->cpu = registry_counter(registry, "process_cpu_seconds_total",
                                 "Total user and system CPU time spent in seconds.", NULL);
    self->resident =
        registry_gauge(registry, "process_resident_memory_bytes", "Resident memory size in bytes.", NULL);
    self->virtual_memory =
        registry_gauge(registry, "process_virtual_memory_bytes", "Virtual memory size in bytes.", NULL);
    self->start = registry_gauge(registry, "process_start_time_seconds",
                                 "Start time of the process since unix epoch in seconds.", NULL);
    self->open_fds = registry_gauge(registry, "process_open_fds", "Number of open file descriptors.", NULL);
    self->max_fds =
        registry_gauge(registry, "process_max_fds", "Maximum number of open file descriptors.", NULL);
    self->max_virtual = registry_gauge(registry, "process_virtual_memory_max_bytes",
                                       "Maximum amount of virtual memory available in bytes.", NULL);
    self->threads = registry_gauge(registry, "ferula_process_threads", "Threads of the server.", NULL);
    registry_on_collect(registry, collect, self);
}

void self_release(struct self_metrics *self) {
    if (self->registry) registry_forget(self->registry, self);
    self->registry = NULL;
}
