// main.go URL - every method of the Go client library's API package, asked of one server that scrapes the series "shelf"
// and has rules. Prints what it made of each answer as one JSON object; an error is its text.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"time"

	"github.com/prometheus/client_golang/api"
	v1 "github.com/prometheus/client_golang/api/prometheus/v1"
	"github.com/prometheus/common/model"
)

var seen = map[string]interface{}{}

func note(name string, value interface{}, err error) {
	if err != nil {
		value = "failed: " + err.Error()
	}
	seen[name] = value
}

func main() {
	client, err := api.NewClient(api.Config{Address: os.Args[1]})
	if err != nil {
		panic(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	ask, now := v1.NewAPI(client), time.Now()
	begin, shelf := now.Add(-time.Minute), []string{"shelf"}

	value, _, err := ask.Query(ctx, "sum(shelf)", now, v1.WithTimeout(5*time.Second))
	note("Query", fmt.Sprint(value), err)
	matrix, _, err := ask.QueryRange(ctx, "sum(shelf)", v1.Range{Start: now.Add(-time.Second), End: now, Step: time.Second})
	note("QueryRange", fmt.Sprint(matrix.Type()), err)
	exemplars, err := ask.QueryExemplars(ctx, "shelf", begin, now)
	note("QueryExemplars", len(exemplars), err)
	names, _, err := ask.LabelNames(ctx, shelf, begin, now)
	note("LabelNames", names, err)
	values, _, err := ask.LabelValues(ctx, "row", shelf, begin, now)
	note("LabelValues", values, err)
	series, _, err := ask.Series(ctx, shelf, begin, now)
	note("Series", len(series), err)
	targets, err := ask.Targets(ctx)
	note("Targets", map[string]interface{}{"active": len(targets.Active), "dropped": len(targets.Dropped)}, err)
	if err == nil && len(targets.Active) > 0 {
		note("Target", []interface{}{targets.Active[0].Health, targets.Active[0].ScrapePool, !targets.Active[0].LastScrape.IsZero()}, nil)
	}
	ofTargets, err := ask.TargetsMetadata(ctx, "{job=\"fake\"}", "shelf", "1")
	note("TargetsMetadata", ofTargets, err)
	metadata, err := ask.Metadata(ctx, "shelf", "1")
	note("Metadata", metadata["shelf"], err)
	rules, err := ask.Rules(ctx)
	var kinds []string
	for _, group := range rules.Groups {
		for _, rule := range group.Rules {
			kinds = append(kinds, fmt.Sprintf("%T", rule))
		}
	}
	note("Rules", kinds, err)
	alerts, err := ask.Alerts(ctx)
	var states []v1.AlertState
	for _, alert := range alerts.Alerts {
		states = append(states, alert.State)
	}
	note("Alerts", states, err)
	managers, err := ask.AlertManagers(ctx)
	note("AlertManagers", len(managers.Active), err)
	config, err := ask.Config(ctx)
	note("Config", len(config.YAML) > 0, err)
	flags, err := ask.Flags(ctx)
	note("Flags", flags["query.lookback-delta"], err)
	build, err := ask.Buildinfo(ctx)
	note("Buildinfo", build.Version != "", err)
	runtime, err := ask.Runtimeinfo(ctx)
	note("Runtimeinfo", runtime.ReloadConfigSuccess && !runtime.StartTime.IsZero() && runtime.StorageRetention != "", err)
	tsdb, err := ask.TSDB(ctx)
	note("TSDB", len(tsdb.SeriesCountByMetricName) > 0, err)
	replay, err := ask.WalReplay(ctx)
	note("WalReplay", replay.Min <= replay.Current && replay.Current <= replay.Max, err)
	snapshot, err := ask.Snapshot(ctx, true)
	note("Snapshot", snapshot.Name != "", err)
	note("DeleteSeries", "done", ask.DeleteSeries(ctx, []string{"none_such"}, begin, now))
	note("CleanTombstones", "done", ask.CleanTombstones(ctx))
	_, _, err = ask.Query(ctx, "sum(", now)
	problem, _ := err.(*v1.Error)
	note("BadQuery", problem != nil && problem.Type == v1.ErrBadData, nil)
	_, _, err = ask.Query(ctx, "label_replace(shelf,\"a\",\"b\",\"row\",\"(\")", now)
	problem, _ = err.(*v1.Error)
	note("BadExecution", problem != nil && problem.Type == v1.ErrExec, nil)
	scalar, _, err := ask.Query(ctx, "scalar(sum(shelf))", model.Time(now.UnixNano()/1e6).Time())
	note("Scalar", fmt.Sprint(scalar.Type()), err)
	json.NewEncoder(os.Stdout).Encode(seen)
}
