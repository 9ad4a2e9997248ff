// A program with the official Go client: one stream of observations in a summary and in a histogram, so that their
// quantiles can be compared, the same in a native histogram, and a counter of requests; the classic histogram and the counter have exemplars.
package main

import (
	"log"
	"math/rand"
	"net/http"
	"os"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

func main() {
	summary := prometheus.NewSummary(prometheus.SummaryOpts{
		Name: "rpc_duration_seconds", Help: "Time of calls, as quantiles.",
		Objectives: map[float64]float64{0.5: 0.02, 0.9: 0.01, 0.99: 0.001},
	})
	histogram := prometheus.NewHistogram(prometheus.HistogramOpts{
		Name: "rpc_durations_histogram_seconds", Help: "Time of calls, in buckets.",
		Buckets: prometheus.LinearBuckets(0.05, 0.05, 20),
	})
	native := prometheus.NewHistogram(prometheus.HistogramOpts{
		Name: "rpc_native_seconds", Help: "Time of calls, in a native histogram.",
		NativeHistogramBucketFactor: 1.1,
	})
	calls := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "rpc_calls_total", Help: "Calls.",
	}, []string{"service"})
	prometheus.MustRegister(summary, histogram, native, calls)

	go func() {
		for range time.Tick(2 * time.Millisecond) {
			seconds := rand.Float64()
			summary.Observe(seconds)
			trace := prometheus.Labels{"trace_id": strconv.FormatUint(rand.Uint64(), 16)}
			histogram.(prometheus.ExemplarObserver).ObserveWithExemplar(seconds, trace)
			native.Observe(seconds)
			calls.WithLabelValues("demo").(prometheus.ExemplarAdder).AddWithExemplar(1, trace)
		}
	}()
	http.Handle("/metrics", promhttp.HandlerFor(prometheus.DefaultGatherer,
		promhttp.HandlerOpts{EnableOpenMetrics: true}))
	log.Fatal(http.ListenAndServe(os.Args[1], nil))
}
