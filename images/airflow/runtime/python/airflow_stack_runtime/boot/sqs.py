"""Celery's settings for Amazon SQS. Without the variable of the queue's URL, the broker is another one."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from typing import Any

WAIT = 20
"""Seconds that SQS holds a request while the queue is empty: the most it allows, and so the fewest requests to pay."""


def queue_url(environment: Mapping[str, str] = os.environ) -> str | None:
    """Return the URL of the queue that the stack has made, None where SQS is not the broker."""
    return environment.get("AIRFLOW_STACK_SQS_QUEUE_URL") or None


def region(url: str, environment: Mapping[str, str] = os.environ) -> str | None:
    """Return the queue's region, which its URL names; for any other URL the one that the container is told."""
    if match := re.match(r"https://sqs\.([a-z0-9-]+)\.", url):
        return match[1]
    return environment.get("AWS_REGION") or environment.get("AWS_DEFAULT_REGION")


def settings(config: Mapping[str, Any], environment: Mapping[str, str] = os.environ) -> dict[str, Any]:
    """Return what differs from these settings where SQS is the broker: nothing, where it is not.

    SQS has no fanout, and so neither events nor remote control. The visibility timeout is the queue's own: Kombu does
    not set one on a queue that it did not create.
    """
    url = queue_url(environment)
    if url is None:
        return {}
    queue: dict[str, str] = {"url": url}
    # Kombu looks a queue up by a name that SQS would accept.
    name = re.sub(r"[^\w-]", "_", config["task_default_queue"].replace(".", "-"))
    options: dict[str, Any] = {"predefined_queues": {name: queue}, "wait_time_seconds": WAIT}
    if found := region(url, environment):
        options["region"] = queue["region"] = found
    # A receipt that is not answered for blocks the worker's event loop. A read may take as long as an empty queue.
    options["client-config"] = {
        "connect_timeout": 5,
        "read_timeout": WAIT + 5,
        "retries": {"mode": "standard", "max_attempts": 3},
    }
    return {
        "broker_transport_options": {**config.get("broker_transport_options", {}), **options},
        "worker_enable_remote_control": False,
        "worker_send_task_events": False,
        "task_send_sent_event": False,
    }


def without_events(options: dict[str, Any]) -> None:
    """Switch off the parts of a worker that talk to other workers. Celery has no settings for them."""
    options.update(without_gossip=True, without_mingle=True, without_heartbeat=True)
