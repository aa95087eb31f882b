"""Health probes that cost some tens of milliseconds: the standard library, and a database driver where one is needed.

``probe ROLE`` ends with 0 if the role in this container does its work, else with 1 and one line that says why.
"""

from __future__ import annotations

import json
import os
import socket
import sys
from collections.abc import Callable
from http import HTTPStatus
from urllib.parse import urlsplit

from airflow_stack_runtime.options import OptionError, option

TIMEOUT = 8.0
"""Seconds that any single wait may take: less than the ten that a container's health check allows."""


class UnhealthyError(Exception):
    """Says in one line what is wrong."""


def http_get(port: int, path: str) -> tuple[int, bytes]:
    """Return status and body of a page of this container. ``http.client`` alone would take 30 ms to import."""
    with socket.create_connection(("127.0.0.1", port), timeout=TIMEOUT) as connection:
        connection.sendall(f"GET {path} HTTP/1.0\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
        answer = b""
        while chunk := connection.recv(65536):
            answer += chunk
    head, _, body = answer.partition(b"\r\n\r\n")
    return int(head.split(b" ", 2)[1]), body


def expect_ok(port: int, path: str) -> bytes:
    """Return the body of a page that must answer 200."""
    status, body = http_get(port, path)
    if status != HTTPStatus.OK:
        raise UnhealthyError(f"port {port}, {path}: HTTP status {status}")
    return body


def probe_webserver() -> None:
    """It answers, and reaches the metadata database. Its word on the scheduler is the scheduler's matter."""
    _probe_ui("webserver", int(option("webserver", "web_server_port", "8080")), "/health")


def probe_api_server() -> None:
    """The same: its status is 200 whatever the answer says."""
    _probe_ui("api", int(option("api", "port", "8080")), "/api/v2/monitor/health")


def _probe_ui(section: str, port: int, path: str) -> None:
    prefix = urlsplit(option(section, "base_url", "")).path.rstrip("/")
    body = expect_ok(port, f"{prefix}{path}")
    if json.loads(body)["metadatabase"]["status"] != "healthy":
        raise UnhealthyError("it does not reach the metadata database")


def probe_scheduler() -> None:
    """Its health server answers 200 only while this host's scheduler job has a recent heartbeat."""
    expect_ok(int(option("scheduler", "scheduler_health_check_server_port", "8974")), "/health")


def probe_flower() -> None:
    """It answers on the one page that needs no login."""
    prefix = option("celery", "flower_url_prefix", "").strip("/")
    expect_ok(int(option("celery", "flower_port", "5555")), f"/{prefix}/healthcheck" if prefix else "/healthcheck")


def probe_dag_processor() -> None:
    """Its job has a recent heartbeat in the metadata database."""
    expect_heartbeat("DagProcessorJob", float(option("dag_processor", "health_check_threshold", "30")))


def expect_heartbeat(job: str, limit: float) -> None:
    """A job of this kind runs on this host, and its last heartbeat is at most ``limit`` seconds old."""
    from airflow_stack_runtime.probes.heartbeat import seconds_since_heartbeat

    age = seconds_since_heartbeat(job, TIMEOUT)
    if age is None:
        raise UnhealthyError(f"no {job} of this host has registered")
    if age > limit:
        raise UnhealthyError(f"the last heartbeat is {age:.0f} s old, {limit:.0f} s are allowed")


def probe_triggerer() -> None:
    """Its job has a recent heartbeat in the metadata database, and no trigger blocks the others."""
    limit = float(option("triggerer", "triggerer_health_check_threshold", "30"))
    expect_heartbeat("TriggererJob", limit)
    from airflow_stack_runtime.probes import alive

    # Of the loop that all triggers share: heartbeats come from another thread. None where the patch is left out.
    blocked = alive.age()
    if blocked is not None and blocked > limit:
        raise UnhealthyError(f"a trigger blocks all others, for {blocked:.0f} s by now: `doctor` names it")


def probe_worker() -> None:
    """It answers through the broker, as Celery's own ``inspect`` does, that it takes tasks from its queues.

    SQS has no way back for an answer. There its event loop gives a sign every few seconds, while it asks for messages.
    """
    broker = option("celery", "broker_url")
    if urlsplit(broker).scheme == "sqs":
        from airflow_stack_runtime.probes import alive

        age = alive.age()
        if age is None:
            raise UnhealthyError("the worker has not begun to ask for tasks")
        if age > alive.LIMIT:
            raise UnhealthyError(f"the worker's last sign of life is {age:.0f} s old, {alive.LIMIT:.0f} s are allowed")
        return
    from airflow_stack_runtime import queues
    from airflow_stack_runtime.probes.ping import queues_of

    found = queues_of(f"celery@{socket.gethostname()}", broker, TIMEOUT)
    if found is None:
        raise UnhealthyError(f"the worker does not answer within {TIMEOUT:.0f} s")
    if lost := [queue for queue in queues.own() or () if queue not in found]:
        raise UnhealthyError(f"the worker no longer takes tasks from {', '.join(lost)}")


PROBES: dict[str, Callable[[], None]] = {
    "webserver": probe_webserver,
    "api-server": probe_api_server,
    "scheduler": probe_scheduler,
    "dag-processor": probe_dag_processor,
    "triggerer": probe_triggerer,
    "worker": probe_worker,
    "flower": probe_flower,
}


def main(arguments: list[str]) -> None:
    """Run one probe and leave the process at once, without the interpreter's clean-up."""
    if len(arguments) != 1 or arguments[0] not in PROBES:
        print(f"usage: probe {'|'.join(PROBES)}", file=sys.stderr)
        os._exit(2)
    try:
        PROBES[arguments[0]]()
    except Exception as error:
        # A driver's error may quote the connection string: only what this package raises is shown in full.
        shown = error if isinstance(error, (UnhealthyError, OptionError, OSError)) else type(error).__name__
        print(f"{arguments[0]}: {shown}", file=sys.stderr, flush=True)
        os._exit(1)
    os._exit(0)
