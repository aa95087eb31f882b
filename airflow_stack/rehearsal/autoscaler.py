"""What Application Auto Scaling does with the published metric, in minutes made seconds."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from airflow_stack.backends.aws.plan.scaling import TARGET_VALUE, Tracking
from airflow_stack.errors import OperationError
from airflow_stack.rehearsal.agent import EcsAgent
from airflow_stack.rehearsal.cloud import Cloud
from airflow_stack.rehearsal.tasks import Runner, Task

INTERVAL = 2.0
# Seconds for which the ratio must ask for fewer workers; on AWS fifteen minutes.
SCALE_IN_AFTER = 12.0


def desired(ratio: float, running: int, most: int, target: float = TARGET_VALUE) -> int:
    """Workers that the ratio asks for: a share of those that run, or the first one where none does."""
    if running == 0:
        return 1 if ratio > target else 0
    return min(most, math.ceil(running * ratio / target))


@dataclass
class Autoscaler:
    """Starts and stops workers by the metric, and never one that has asked to be left alone."""

    cloud: Cloud
    runner: Runner
    agent: EcsAgent
    role: str
    """What it scales."""
    tracking: Tracking
    most: int
    workers: list[Task]
    """Those that run; shared with whoever counts them."""
    peak: int = 0
    spared: int = 0
    """How often a protected worker was left alone."""
    stopped: list[tuple[Task, int]] = field(default_factory=list)
    """Workers that were stopped, with their exit codes."""

    def __post_init__(self) -> None:
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._fewer_since: float | None = None
        self.failure: Exception | None = None

    def start(self) -> None:
        """Begin to look at the metric."""
        self._thread.start()

    def close(self) -> None:
        """Look no more. Workers that run go on."""
        self._ended.set()
        if self._thread.is_alive():
            self._thread.join(timeout=180)

    def ratio(self) -> float | None:
        """The newest value of the metric; None while there is none."""
        cloudwatch = self.cloud.client("cloudwatch")
        now = datetime.now(UTC)
        watched = self.tracking.metric
        for metric in cloudwatch.list_metrics(Namespace=watched.namespace, MetricName=watched.name)["Metrics"]:
            points = cloudwatch.get_metric_statistics(
                Namespace=watched.namespace, MetricName=metric["MetricName"], Dimensions=metric["Dimensions"],
                StartTime=now - timedelta(seconds=60), EndTime=now + timedelta(seconds=5), Period=1,
                Statistics=["Maximum"],
            )["Datapoints"]  # fmt: skip
            if points:
                return float(max(points, key=lambda point: point["Timestamp"])["Maximum"])
        return None

    def _run(self) -> None:
        try:
            while not self._ended.wait(INTERVAL):
                if (ratio := self.ratio()) is not None:
                    self._follow(ratio)
        except Exception as error:  # told by whoever waits for the workers
            self.failure = error

    def _follow(self, ratio: float) -> None:
        running = len(self.workers)
        wanted = desired(ratio, running, self.most, self.tracking.value)
        if wanted >= running:
            self._fewer_since = None
            for _ in range(wanted - running):
                self.workers.append(self.runner.start(self.role))
            self.peak = max(self.peak, len(self.workers))
            return
        self._fewer_since = self._fewer_since or time.monotonic()
        if time.monotonic() - self._fewer_since < SCALE_IN_AFTER:
            return
        for worker in list(self.workers)[: running - wanted]:
            if self.agent.protected.get(worker.id):
                self.spared += 1
                continue
            self.workers.remove(worker)
            self.runner.stop(worker)
            self.stopped.append((worker, worker.wait(10)))


def wait_for(what: str, holds: Callable[[], bool], timeout: float, failing: Callable[[], Exception | None]) -> None:
    """Return when ``holds``. Raises what ``failing`` tells, or OperationError after ``timeout`` seconds."""
    end = time.monotonic() + timeout
    while not holds():
        if error := failing():
            raise error
        if time.monotonic() > end:
            raise OperationError(f"not within {timeout:.0f} s: {what}")
        time.sleep(0.5)
