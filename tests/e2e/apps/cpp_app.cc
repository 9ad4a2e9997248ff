// A target by Debian's prometheus-cpp: a counter, a gauge, a histogram and a summary. Argument: address:port.
#include <prometheus/counter.h>
#include <prometheus/exposer.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>
#include <prometheus/summary.h>

#include <chrono>
#include <memory>
#include <thread>

int main(int, char **argv) {
    prometheus::Exposer exposer{argv[1]};
    auto registry = std::make_shared<prometheus::Registry>();
    auto &turns = prometheus::BuildCounter().Name("turns_total").Help("Turns.").Register(*registry).Add({{"kind", "a\"b"}});
    auto &level = prometheus::BuildGauge().Name("level_meters").Help("A level.").Register(*registry).Add({});
    auto &times = prometheus::BuildHistogram().Name("work_seconds").Help("Work.").Register(*registry).Add(
        {}, prometheus::Histogram::BucketBoundaries{0.1, 1, 10});
    auto &sizes = prometheus::BuildSummary().Name("size_bytes").Help("Sizes.").Register(*registry).Add(
        {}, prometheus::Summary::Quantiles{{0.5, 0.05}, {0.99, 0.001}});
    exposer.RegisterCollectable(registry);
    for (int i = 0;; i++) {
        turns.Increment();
        level.Set(4.25);
        times.Observe(i % 3);
        sizes.Observe(100);
        std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
}
