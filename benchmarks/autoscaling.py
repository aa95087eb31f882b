"""The workers' autoscaling, simulated: from zero to what a burst needs and back. Prints a table of docs/scale.md.

    .venv/bin/python benchmarks/autoscaling.py

The metric is the publisher's own function. What AWS does with it is written down here from its documentation: one alarm
on three minutes above the target, one on fifteen below nine tenths of it, capacity in proportion to the metric and
rounded up, cooldowns, and protected tasks that a scale-in passes over.
https://docs.aws.amazon.com/autoscaling/application/userguide/application-auto-scaling-target-tracking.html
"""

from __future__ import annotations

import math
import random
import sys
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from airflow_stack.config.aws.services import WorkersConfig

RUNTIME = Path(__file__).parents[1] / "images/airflow/runtime/python"

STEP = 10
PUBLISH = 60
TARGET = 100.0
HIGH_MINUTES = 3
LOW_MINUTES = 15
LOW = 0.9
START = 80
"""Seconds from RunTask until a worker takes tasks: address, image, start of Celery."""
PROTECTED_AFTER = 10
"""Seconds in which a task that has just come is not protected yet: one step."""
GRACE = 10
"""Seconds without a task before the protection ends."""
STOP_TIMEOUT = 120
"""Seconds between SIGTERM and SIGKILL, in which a worker ends its tasks and takes no other."""


def ratio() -> Callable[[int, int, int], float]:
    """The publisher's function of tasks, concurrency and workers."""
    if str(RUNTIME) not in sys.path:
        sys.path.append(str(RUNTIME))
    from airflow_stack_runtime.verbs.publish import desired_to_running

    return desired_to_running


@dataclass
class Worker:
    """One task of the service."""

    ready: int
    """Second at which it begins to take tasks."""
    ends: list[int] = field(default_factory=list)
    """Seconds at which its tasks end."""
    busy_since: int | None = None
    idle_since: int = 0
    stopped: int | None = None
    """Second of its SIGTERM."""

    def is_protected(self, now: int) -> bool:
        """Whether ECS has been told, and has not been told the contrary."""
        if self.ends:
            return self.busy_since is not None and now - self.busy_since >= PROTECTED_AFTER
        return self.busy_since is not None and now - self.idle_since < GRACE


@dataclass
class Run:
    """What a simulation has seen."""

    done: int = 0
    killed: int = 0
    most: int = 0
    first_start: int | None = None
    """Second at which the first task began."""
    last_end: int = 0
    zero_again: int | None = None
    worker_hours: float = 0.0
    desired: list[int] = field(default_factory=list)
    """At each step."""


def simulate(
    workers: WorkersConfig,
    concurrency: int,
    arrivals: dict[int, list[int]],
    *,
    protection: bool = True,
    count_running: bool = False,
    publish_running: bool = False,
    hours: float = 8,
) -> Run:
    """Run ``arrivals``, lists of durations in seconds by the second at which the tasks are queued.

    ``count_running``: the metric is applied to the workers that run, and not to those that are desired. AWS does not
    say which it does; the second is the worse, since workers that are being started are asked for once more.
    ``publish_running``: the publisher divides by the workers that run, in place of those that ECS was told to run.
    """
    metric = ratio()
    run = Run()
    queue: deque[int] = deque()
    chance = random.Random(1)
    fleet: list[Worker] = []
    desired = workers.min
    samples: deque[tuple[int, float]] = deque()
    minutes: deque[float] = deque(maxlen=LOW_MINUTES)
    last_out = last_in = -(10**9)
    for now in range(0, int(hours * 3600), STEP):
        for second in range(now, now + STEP):
            queue.extend(arrivals.get(second, ()))
        # ECS: as many tasks as are desired.
        alive = [worker for worker in fleet if worker.stopped is None]
        fleet += [Worker(now + START) for _ in range(desired - len(alive))]
        surplus = len(alive) - desired
        # It passes over the protected ones. Which of the others it takes is its own matter: here, chance.
        free = [one for one in alive if not (protection and one.is_protected(now))]
        for worker in chance.sample(free, min(len(free), max(0, surplus))):
            worker.stopped = now
        for worker in fleet:
            _work(worker, now, concurrency, queue, run)
        fleet = [worker for worker in fleet if not _is_gone(worker, now, run)]
        running = [worker for worker in fleet if worker.stopped is None and worker.ready <= now]
        run.most = max(run.most, len(fleet))
        run.worker_hours += len(fleet) * STEP / 3600
        # The publisher, and CloudWatch's averages of a minute.
        if now % PUBLISH == 0:
            tasks = len(queue) + sum(len(worker.ends) for worker in fleet)
            samples.append((now, metric(tasks, concurrency, len(running) if publish_running else desired)))
        if now % 60 == 50:
            values = [value for second, value in samples if second > now - 60]
            samples.clear()
            minutes.append(sum(values) / len(values))
            recent = list(minutes)
            base = len(running) if count_running else desired
            cool_out, cool_in = now - last_out >= workers.scale_out_cooldown, now - last_in >= workers.scale_in_cooldown
            if len(recent) >= HIGH_MINUTES and min(recent[-HIGH_MINUTES:]) > TARGET and cool_out:
                wanted = min(workers.max, max(1, math.ceil(base * recent[-1] / TARGET)))
                if wanted > desired:
                    desired, last_out = wanted, now
            elif len(recent) == LOW_MINUTES and max(recent) < TARGET * LOW and cool_in:
                wanted = max(workers.min, math.ceil(base * recent[-1] / TARGET))
                if wanted < desired:
                    desired, last_in = wanted, now
        run.desired.append(desired)
        if run.zero_again is None and run.done + run.killed and not fleet and not queue:
            run.zero_again = now
    assert not queue, f"{len(queue)} tasks were never taken"
    return run


def _work(worker: Worker, now: int, concurrency: int, queue: deque[int], run: Run) -> None:
    """Tasks end, and others begin."""
    ended = [end for end in worker.ends if end <= now]
    worker.ends = [end for end in worker.ends if end > now]
    run.done += len(ended)
    run.last_end = max([run.last_end, *ended])
    if ended and not worker.ends:
        worker.idle_since = now
    while queue and worker.stopped is None and worker.ready <= now and len(worker.ends) < concurrency:
        worker.ends.append(now + queue.popleft())
        if worker.busy_since is None or len(worker.ends) == 1:
            worker.busy_since = now
        if run.first_start is None:
            run.first_start = now


def _is_gone(worker: Worker, now: int, run: Run) -> bool:
    if worker.stopped is None:
        return False
    if not worker.ends:
        return True
    if now - worker.stopped < STOP_TIMEOUT:
        return False
    run.killed += len(worker.ends)
    return True


# A burst of short tasks, a burst with a long tail, and an hour of trickle. Seconds.
CASES: dict[str, dict[int, list[int]]] = {
    "100 tasks of 5 minutes at once": {600: [300] * 100},
    "95 of 2 minutes, 5 of an hour": {600: ([3600] + [120] * 19) * 5},
    "2 a minute for an hour, 4 minutes each": {600 + 30 * number: [240] for number in range(120)},
}


def table() -> str:
    """Each case with protection, and how many tasks are killed without."""
    lines = [
        "| load | workers at most | by running ones (at best) | first task after | all done after"
        " | at zero again after | worker hours | killed | killed without protection |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for name, arrivals in CASES.items():
        workers = WorkersConfig(max=50)
        with_, without = (simulate(workers, 4, arrivals, protection=on) for on in (True, False))
        by_running = simulate(workers, 4, arrivals, publish_running=True)
        kind = simulate(workers, 4, arrivals, count_running=True, publish_running=True)
        start = min(arrivals)
        cells = (
            name,
            str(with_.most),
            f"{by_running.most} ({kind.most})",
            *(_minutes(second, start) for second in (with_.first_start, with_.last_end, with_.zero_again)),
            f"{with_.worker_hours:.1f}",
            str(with_.killed),
            str(without.killed),
        )
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _minutes(second: int | None, start: int) -> str:
    return "never" if second is None else f"{(second - start) / 60:.0f} min"


if __name__ == "__main__":
    print(table())
