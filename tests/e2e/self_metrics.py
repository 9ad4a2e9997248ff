"""self_metrics.py - what the server tells of itself: name, type, labels (without le and quantile), one table.

Names that begin with prometheus_, process_, promhttp_ or net_conntrack_ are Prometheus', with its types and labels of version 3; the rest is our own.
"""
import re

TABLE = """
prometheus_build_info                                                      gauge      branch platform revision version
prometheus_ready                                                           gauge
prometheus_config_last_reload_successful                                   gauge
prometheus_config_last_reload_success_timestamp_seconds                    gauge

prometheus_tsdb_head_series                                                gauge
prometheus_tsdb_head_chunks                                                gauge
prometheus_tsdb_head_samples_appended_total                                counter    type
prometheus_tsdb_head_series_created_total                                  counter
prometheus_tsdb_head_series_removed_total                                  counter
prometheus_tsdb_head_series_not_found_total                                counter
prometheus_tsdb_head_active_appenders                                      gauge
prometheus_tsdb_head_gc_duration_seconds                                   summary
prometheus_tsdb_head_truncations_total                                     counter
prometheus_tsdb_head_min_time                                              gauge
prometheus_tsdb_head_max_time                                              gauge
prometheus_tsdb_head_min_time_seconds                                      gauge
prometheus_tsdb_head_max_time_seconds                                      gauge
prometheus_tsdb_head_out_of_order_samples_appended_total                   counter    type
prometheus_tsdb_out_of_order_samples_total                                 counter    type
prometheus_tsdb_out_of_bound_samples_total                                 counter    type
prometheus_tsdb_too_old_samples_total                                      counter    type
prometheus_tsdb_exemplar_exemplars_appended_total                          counter
prometheus_tsdb_exemplar_exemplars_in_storage                              gauge

prometheus_tsdb_blocks_loaded                                              gauge
prometheus_tsdb_storage_blocks_bytes                                       gauge
prometheus_tsdb_symbol_table_size_bytes                                    gauge
prometheus_tsdb_retention_limit_bytes                                      gauge
prometheus_tsdb_retention_limit_seconds                                    gauge
prometheus_tsdb_size_retentions_total                                      counter
prometheus_tsdb_time_retentions_total                                      counter
prometheus_tsdb_compactions_total                                          counter
prometheus_tsdb_compactions_failed_total                                   counter
prometheus_tsdb_compactions_triggered_total                                counter
prometheus_tsdb_compaction_duration_seconds                                histogram
prometheus_tsdb_reloads_total                                              counter
prometheus_tsdb_reloads_failures_total                                     counter
prometheus_tsdb_lowest_timestamp                                           gauge
prometheus_tsdb_lowest_timestamp_seconds                                   gauge
prometheus_tsdb_clean_start                                                gauge
prometheus_tsdb_data_replay_duration_seconds                               gauge

prometheus_tsdb_wal_corruptions_total                                      counter
prometheus_tsdb_wal_fsync_duration_seconds                                 summary
prometheus_tsdb_wal_segment_current                                        gauge
prometheus_tsdb_wal_storage_size_bytes                                     gauge
prometheus_tsdb_wal_truncations_total                                      counter
prometheus_tsdb_wal_truncations_failed_total                               counter
prometheus_tsdb_wal_writes_failed_total                                    counter
prometheus_tsdb_checkpoint_creations_total                                 counter
prometheus_tsdb_checkpoint_creations_failed_total                          counter
prometheus_tsdb_checkpoint_deletions_total                                 counter
prometheus_tsdb_checkpoint_deletions_failed_total                          counter
prometheus_tsdb_mmap_chunk_corruptions_total                               counter

prometheus_remote_read_handler_queries                                     gauge
prometheus_engine_queries                                                  gauge
prometheus_engine_queries_concurrent_max                                   gauge
prometheus_engine_query_duration_seconds                                   summary    slice
prometheus_engine_query_samples_total                                      counter
prometheus_engine_query_log_enabled                                        gauge
prometheus_engine_query_log_failures_total                                 counter
prometheus_rule_evaluations_total                                          counter    rule_group
prometheus_rule_evaluation_failures_total                                  counter    rule_group
prometheus_rule_evaluation_duration_seconds                                summary
prometheus_rule_group_duration_seconds                                     summary
prometheus_rule_group_interval_seconds                                     gauge      rule_group
prometheus_rule_group_iterations_total                                     counter    rule_group
prometheus_rule_group_iterations_missed_total                              counter    rule_group
prometheus_rule_group_last_duration_seconds                                gauge      rule_group
prometheus_rule_group_last_evaluation_timestamp_seconds                    gauge      rule_group
prometheus_rule_group_last_evaluation_samples                              gauge      rule_group
prometheus_rule_group_last_rule_duration_sum_seconds                       gauge      rule_group
prometheus_rule_group_rules                                                gauge      rule_group

prometheus_target_interval_length_seconds                                  summary    interval
prometheus_target_sync_length_seconds                                      summary    scrape_job
prometheus_target_sync_failed_total                                        counter    scrape_job
prometheus_target_scrape_pool_sync_total                                   counter    scrape_job
prometheus_target_scrape_pool_targets                                      gauge      scrape_job
prometheus_target_scrape_pool_target_limit                                 gauge      scrape_job
prometheus_target_scrape_pools_total                                       counter
prometheus_target_scrape_pool_exceeded_target_limit_total                  counter
prometheus_target_scrape_pool_exceeded_label_limits_total                  counter
prometheus_target_scrapes_exceeded_sample_limit_total                      counter
prometheus_target_scrapes_exceeded_body_size_limit_total                   counter
prometheus_target_scrapes_exceeded_native_histogram_bucket_limit_total     counter
prometheus_target_scrapes_sample_duplicate_timestamp_total                 counter
prometheus_target_scrapes_sample_out_of_bounds_total                       counter
prometheus_target_scrapes_sample_out_of_order_total                        counter
prometheus_target_metadata_cache_entries                                   gauge      scrape_job
prometheus_target_metadata_cache_bytes                                     gauge      scrape_job
prometheus_sd_discovered_targets                                           gauge      config name
prometheus_sd_refresh_failures_total                                       counter    config mechanism
prometheus_sd_refresh_duration_seconds                                     summary    config mechanism
prometheus_sd_failed_configs                                               gauge      name
prometheus_sd_received_updates_total                                       counter    name
prometheus_sd_updates_total                                                counter    name
prometheus_sd_updates_delayed_total                                        counter    name
prometheus_sd_file_read_errors_total                                       counter
prometheus_sd_file_watcher_errors_total                                    counter
prometheus_sd_http_failures_total                                          counter
prometheus_sd_dns_lookups_total                                            counter
prometheus_sd_dns_lookup_failures_total                                    counter
prometheus_sd_consul_rpc_failures_total                                    counter
prometheus_sd_kubernetes_failures_total                                    counter

prometheus_notifications_sent_total                                        counter    alertmanager
prometheus_notifications_errors_total                                      counter    alertmanager
prometheus_notifications_dropped_total                                     counter    alertmanager
prometheus_notifications_queue_length                                      gauge      alertmanager
prometheus_notifications_queue_capacity                                    gauge
prometheus_notifications_latency_seconds                                   summary    alertmanager
prometheus_notifications_alertmanagers_discovered                          gauge

prometheus_http_requests_total                                             counter    code handler
prometheus_http_request_duration_seconds                                   histogram  handler
prometheus_http_response_size_bytes                                        histogram  handler
prometheus_web_federation_errors_total                                     counter
prometheus_web_federation_warnings_total                                   counter
prometheus_api_remote_write_invalid_labels_samples_total                   counter
promhttp_metric_handler_requests_total                                     counter    code
promhttp_metric_handler_requests_in_flight                                 gauge
prometheus_web_federation_errors_total                                     counter
prometheus_web_federation_warnings_total                                   counter
prometheus_api_notification_active_subscribers                             gauge
prometheus_api_notification_updates_sent_total                             counter
net_conntrack_listener_conn_accepted_total                                 counter    listener_name
net_conntrack_listener_conn_closed_total                                   counter    listener_name

process_cpu_seconds_total                                                  counter
process_resident_memory_bytes                                              gauge
process_virtual_memory_bytes                                               gauge
process_virtual_memory_max_bytes                                           gauge
process_start_time_seconds                                                 gauge
process_open_fds                                                           gauge
process_max_fds                                                            gauge

ferula_process_threads                                                     gauge
ferula_memory_limit_bytes                                                  gauge      part
ferula_memory_used_bytes                                                   gauge      part
ferula_remote_write_in_flight_bytes                                        gauge
ferula_remote_write_known_series                                           gauge
ferula_scrape_predicted_lines_total                                        counter
ferula_scrape_unpredicted_lines_total                                      counter
ferula_scrape_series_active                                                gauge      scrape_job
ferula_scrape_series_limit                                                 gauge      scrape_job
ferula_scrape_series_refused_total                                         counter    scrape_job
ferula_scrapes_exceeded_series_limit_total                                 counter    scrape_job
ferula_tsdb_block_cache_bytes                                              gauge
ferula_tsdb_corruptions_total                                              counter
ferula_tsdb_duplicate_samples_total                                        counter
ferula_tsdb_late_bytes                                                     gauge
ferula_tsdb_reserve_bytes                                                  gauge
ferula_tsdb_series_refused_total                                           counter
ferula_tsdb_task_duration_seconds                                          summary    task
ferula_tsdb_task_failures_total                                            counter    task
ferula_wal_appended_bytes_total                                            counter
ferula_wal_rows_waiting                                                    gauge
ferula_web_connections                                                     gauge
ferula_web_connections_refused_total                                       counter
ferula_web_requests_busy_total                                             counter
ferula_web_requests_waiting                                                gauge
"""

ALLOCATOR = """
ferula_alloc_active_bytes                                                  gauge
ferula_alloc_allocated_bytes                                               gauge
ferula_alloc_mapped_bytes                                                  gauge
ferula_alloc_metadata_bytes                                                gauge
ferula_alloc_resident_bytes                                                gauge
ferula_alloc_retained_bytes                                                gauge
"""

# where Debian's Prometheus, of version 2, has other labels than version 3, or Go has a word in them
OTHERWISE = {"prometheus_build_info", "prometheus_notifications_dropped_total", "prometheus_notifications_queue_length",
             "prometheus_tsdb_head_out_of_order_samples_appended_total", "prometheus_sd_refresh_failures_total",
             "prometheus_sd_refresh_duration_seconds"}


def wanted(table):
    """{name: (type, {labels})} of a table"""
    return {line.split()[0]: (line.split()[1], set(line.split()[2:])) for line in table.splitlines() if line}


def told(text):
    """{name: (type, {labels})} of an exposition; the labels of all its series together"""
    families, name = {}, None
    for line in text.splitlines():
        if line.startswith("# TYPE "):
            name = line.split()[2]
            families[name] = (line.split()[3], set())
        elif not line.startswith("#"):
            labels = re.findall(r'(\w+)="(?:[^"\\]|\\.)*"', line)
            families[name][1].update(set(labels) - {"le", "quantile"})
    return families
