"""Airflow options that are the stack's own on AWS alone, beside those that are its own everywhere."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from airflow_stack.releases import Release

_ADDRESS = "it is the load balancer's, which target.load_balancer names"
_BUCKET = "task logs go to the stack's bucket; target.logs says how long they are kept"
_CACHE = "set target.secrets_lookup.cache_seconds"
_FORWARDED = "the load balancer sends this header as the browser has sent it, so that it can't be trusted"
_METRICS = "set target.metrics, or switch target.metrics.statsd off"
_PORT = "the security groups and the load balancer open the port that is set"
_QUEUE = "SQS has one queue here, and no remote control"
_TLS = "TLS ends at the load balancer, which speaks HTTP to the webserver"

# By section and key: what to do instead.
ESSENTIAL: dict[tuple[str, str], str] = {
    ("core", "hostname_callable"): "a task of ECS is found by its address, since its name is in no DNS",
    ("logging", "remote_logging"): _BUCKET,
    ("logging", "remote_base_log_folder"): _BUCKET,
    ("logging", "remote_log_conn_id"): _BUCKET,
    ("logging", "worker_log_server_port"): _PORT,
    ("logging", "trigger_log_server_port"): _PORT,
    ("secrets", "use_cache"): _CACHE,
    ("secrets", "cache_ttl_seconds"): _CACHE,
    ("webserver", "base_url"): _ADDRESS,
    ("webserver", "proxy_fix_x_host"): _FORWARDED,
    ("webserver", "proxy_fix_x_prefix"): _FORWARDED,
    ("webserver", "web_server_host"): "the load balancer must reach it",
    ("webserver", "web_server_ssl_cert"): _TLS,
    ("webserver", "web_server_ssl_key"): _TLS,
}

# With SQS as the broker.
SQS: dict[tuple[str, str], str] = {
    ("celery", "worker_enable_remote_control"): _QUEUE,
    ("celery_broker_transport_options", "predefined_queues"): _QUEUE,
    ("celery_broker_transport_options", "queue_name_prefix"): _QUEUE,
    ("celery_broker_transport_options", "region"): "set target.region",
    ("celery_broker_transport_options", "wait_time_seconds"): "the image polls as long as SQS allows",
}

# While an agent listens: one that sends elsewhere, or more, would leave the alarms without their metrics.
STATSD: dict[tuple[str, str], str] = {
    ("metrics", key): _METRICS
    for key in (
        "metrics_allow_list",
        "metrics_block_list",
        "metrics_use_pattern_match",
        "stat_name_handler",
        "statsd_custom_client_path",
        "statsd_datadog_enabled",
        "statsd_host",
        "statsd_influxdb_enabled",
        "statsd_on",
        "statsd_port",
        "statsd_prefix",
    )
}


def refused(
    options: Mapping[str, Mapping[str, Any]], release: Release, *, sqs: bool, statsd: bool
) -> tuple[str, str] | None:
    """The first of these options that belongs to the stack, as ``section.key``, and what to do instead."""
    essential = release.named(ESSENTIAL | (SQS if sqs else {}) | (STATSD if statsd else {}))
    for section, values in options.items():
        for key in values:
            # A dot of a section is _ in the variable's name.
            if instead := essential.get((section.replace(".", "_"), key)):
                return f"{section}.{key}", instead
    return None
