// gopush pushes a gauge and a histogram once, with the push package of Prometheus' client for Go: the job has a slash
// in its name, so it goes as base64, and the body is protobuf.
package main

import (
	"log"
	"os"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/push"
)

func main() {
	things := prometheus.NewGauge(prometheus.GaugeOpts{Name: "go_push_things", Help: "Things."})
	seconds := prometheus.NewHistogram(prometheus.HistogramOpts{Name: "go_push_seconds", Help: "Time."})
	things.Set(21)
	seconds.Observe(0.2)
	pusher := push.New(os.Args[1], "go/push").Grouping("zone", "a/b").Collector(things).Collector(seconds)
	if err := pusher.Push(); err != nil {
		log.Fatal(err)
	}
	if err := pusher.Add(); err != nil {
		log.Fatal(err)
	}
	other := push.New(os.Args[1], "go/gone").Collector(things)
	if err := other.Push(); err != nil {
		log.Fatal(err)
	}
	if err := other.Delete(); err != nil {
		log.Fatal(err)
	}
}
