"""table.py - the figures of the table: their names, units and aims, and how results are printed."""

# key: (measurement, name, how it is printed, aim, whether more is better)
FIGURES = {
    "write_cpu": ("ingest", "remote write, 10k series, CPU s per million samples", "{:.2f}", 0.3, False),
    "write_rate": ("ingest", "remote write, 100k series, samples/s", "{:,.0f}", 4e6, True),
    "new_rate": ("ingest", "new series by remote write, per second", "{:,.0f}", 5e5, True),
    "disk": ("disk", "disk, bytes per sample after compaction", "{:.2f}", 0.45, False),
    "written": ("disk", "bytes written to disk per sample", "{:.2f}", 3, False),
    "start": ("start", "start on that data, s", "{:.3f}", 0.05, False),
    "restart": ("restart", "restart after SIGKILL, s", "{:.2f}", 0.5, False),
    "lost": ("restart", "acknowledged samples missing after it", "{:,.0f}", 0, False),
    "churn_cpu": ("churn", "churn, CPU s per million samples", "{:.2f}", 0.35, False),
    "churn_peak": ("churn", "churn, peak MB", "{:.0f}", 120, False),
    "scrape_cpu": ("scrape", "scraping, CPU s per million samples", "{:.2f}", None, False),
    "scrape_bytes": ("scrape", "resident bytes per series, 200k at 2 s", "{:,.0f}", 400, False),
    "large_cpu": ("large", "1 million series at 15 s, CPU s per million samples", "{:.2f}", 0.3, False),
    "large_first": ("large", "its first two scrapes, CPU s", "{:.1f}", 4, False),
    "large_peak": ("large", "its peak MB", "{:.0f}", 400, False),
    "large_late": ("large", "its scrapes' lateness, p99 ms", "{:.1f}", None, False),
    "fast_cpu": ("fast", "100 targets x 2,000 at 2 s, CPU s per million samples", "{:.2f}", 0.3, False),
    "fast_bytes": ("fast", "its resident bytes per series", "{:,.0f}", None, False),
    "fast_late": ("fast", "its scrapes' lateness, p99 ms", "{:.1f}", None, False),
    "many_cpu": ("many", "10,000 targets x 20 at 15 s, CPU s per million samples", "{:.1f}", None, False),
    "many_late": ("many", "its scrapes' lateness, p99 ms", "{:.1f}", None, False),
    "many_missed": ("many", "its missed scrapes", "{:,.0f}", 0, False),
    "resident": ("resident", "resident bytes per series, 1 million at 15 s", "{:,.0f}", 300, False),
    "clients_rate": ("clients", "1,000 clients, small queries per second", "{:,.0f}", None, True),
    "clients_p99": ("clients", "1,000 clients, ms until an answer, 99th percentile", "{:,.1f}", None, False),
    "clients_cpu": ("clients", "1,000 clients, CPU us of the server per query", "{:,.0f}", None, False),
}


def cell(form, value):
    return "-" if value is None else form.format(value) if isinstance(value, (int, float)) else "failed"


def ratio(ours, peers, more):
    numbers = [value for value in peers if isinstance(value, (int, float))]
    better = (max if more else min)(numbers) if numbers else None
    return f"{ours / better:.2f}" if better and isinstance(ours, (int, float)) else "-"


def show(results, names, measurements):
    """results[name][key] is a number, or the text of a failure"""
    peers = [name for name in names if name != "ours"]
    print("| figure | " + " | ".join(names) + " | ours to the better peer | aim |")
    print("|---" * (len(names) + 3) + "|")
    for key, (measurement, title, form, aim, more) in FIGURES.items():
        if measurement not in measurements:
            continue
        values = {name: results[name].get(key) for name in names}
        print(f"| {title} | " + " | ".join(cell(form, values[name]) for name in names) +
              f" | {ratio(values.get('ours'), [values[p] for p in peers], more)} | {cell(form, aim)} |")
    for name in names:
        for why in sorted({f"{FIGURES[k][0]}: {v}" for k, v in results[name].items() if isinstance(v, str)}):
            print(f"\n{name} failed at {why}")
