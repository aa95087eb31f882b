"""DAGs that the stack keeps from stopping the others, as `facts` tells of them: what is wrong, and what to do."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from shlex import quote
from typing import Any

from airflow_stack.config import StackConfig

SLOTS = 16
"""Of a pool that is created: as many tasks as Airflow lets a DAG run at once."""
KINDS = ("AirflowClusterPolicyViolation: ", "ParsingEnded: ", "AirflowDagDuplicatedIdException: ")
"""What stands before the words of an import error: of a cluster policy, of a file that hangs or ends its process, of
one that has the DAG id of another file."""
WAITED = 60.0
"""Seconds for which a task may wait for a slot before it is worth a word: the scheduler's loop takes up to half."""
STALE = 300.0
"""Seconds in which some DAG file is read, beyond the interval of each."""
RESTARTS = 3
"""Of the process that reads DAG files, in an hour: no accident."""


@dataclass(frozen=True)
class Trouble:
    """Of one DAG, or one file of DAGs."""

    where: str
    """The file, or the DAG and its task."""
    what: str
    command: str = "dags check -s {stack}"
    """Of ours, that helps or says more."""
    title: str = "DAG that can't run"
    cost: str = "it does not run; the other DAGs go on"

    def __str__(self) -> str:
        """One line."""
        return f"{self.where}: {self.what}"


def troubles(facts: Mapping[str, Any], config: StackConfig) -> Iterator[Trouble]:
    """Each of them, once. Facts of an older image have none."""
    yield from _waiting(facts.get("waiting", ()), config)
    yield from _parsing(facts.get("parsing", {}))
    for error in facts.get("refused", ()):
        text = error["error"]
        for kind in KINDS:
            text = text.removeprefix(kind)
        yield Trouble(PurePosixPath(error["file"]).name, text.rstrip("."))
    for task in facts.get("unserved", ()):
        number = f"{task['count']} of its instances are" if task["count"] > 1 else "it is"
        yield Trouble(
            f"DAG {task['dag']}, task {task['task']}",
            f"{number} sent to queue {task['queue']!r}, which no worker serves; add it to worker.queues, or to"
            " worker.other_queues",
            _serve(task["queue"], config),
        )
    for task in facts.get("without_pool", ()):
        yield Trouble(
            f"DAG {task['dag']}, task {task['task']}",
            f"waits for pool {task['pool']!r}, which does not exist; create it in the UI, under Admin, Pools",
            f"airflow -s {{stack}} pools set {quote(task['pool'])} {SLOTS} ''",
        )
    for trigger in facts.get("blocking", ()):
        yield Trouble(f"DAG {trigger['dag']}, task {trigger['task']}", trigger["what"], "restart -s {stack} triggerer")
    for dag in facts.get("passed_over", ()):
        yield Trouble(f"DAG {dag['dag']}", f"the scheduler passed it over: {dag['what']}")


def _serve(queue: str, config: StackConfig) -> str:
    """What has the stack's own workers take tasks from a queue too; on SQS there is one for all."""
    if config.broker.kind == "sqs":
        return "dags check -s {stack}"
    queues = [*(config.worker.queues or [config.default_queue or "default"]), queue]
    return _set_and_up(quote(f"worker.queues={json.dumps(queues)}"))


def _set_and_up(value: str) -> str:
    return f"init -s {{stack}} --set {value} && airflow-stack up -s {{stack}}"


def _waiting(dags: Sequence[Mapping[str, Any]], config: StackConfig) -> Iterator[Trouble]:
    """The DAG that has waited longest without a task at work, and what keeps it waiting."""
    late = [dag for dag in dags if dag["count"] and not dag["at_work"] and dag["oldest"] > WAITED]
    if not late:
        return
    dag = max(late, key=lambda one: float(one["oldest"]))
    more = f", and of {len(late) - 1} more DAGs" if len(late) > 1 else ""
    head = f"{dag['count']} of its tasks{more} wait for a slot since {dag['oldest']:.0f} s"
    slots, at_work = config.task_slots, sum(one["at_work"] for one in dags)
    where, title, cost = f"DAG {dag['dag']}", "DAG that waits", "it starts late"
    if at_work < slots:
        busy = max(dags, key=lambda one: int(one["count"]))
        what = (
            f"{head}, and {slots - at_work} of {slots} are free: the scheduler is behind. DAG {busy['dag']} has most of"
            f" what waits, {busy['count']} tasks; split it, or run less of it at once"
        )
        yield Trouble(where, what, "logs -s {stack} scheduler --since 5m", title, cost)
        return
    most = max(dags, key=lambda one: int(one["at_work"]))
    what = (
        f"{head}: all {slots} are taken, {most['at_work']} of them by DAG {most['dag']}. It gets the next one that is"
        f" free; more slots are worker.count or worker.concurrency, and fewer for that DAG its max_active_tasks"
    )
    more_slots = f"worker.concurrency={config.worker.concurrency + max(1, config.worker.concurrency // 2)}"
    yield Trouble(where, what, _set_and_up(more_slots), title, cost)


def _parsing(parsing: Mapping[str, Any]) -> Iterator[Trouble]:
    """No DAG file is read any more, or what reads them ends again and again."""
    if not parsing:
        return
    last, where, title = parsing["last"], "DAG files", "DAG files"
    if last is not None and last > STALE + parsing["interval"]:
        what = f"none was read for {last / 60:.0f} min"
        cost = "what changes in dags/ is not seen; tasks go on"
        yield Trouble(where, what, "restart -s {stack} scheduler", title, cost)
    if parsing["restarts"] >= RESTARTS:
        what = f"the process that reads them was started anew {parsing['restarts']} times in an hour: {parsing['how']}"
        cost = "what changes in dags/ is seen late"
        yield Trouble(where, what, "logs -s {stack} scheduler --since 10m", title, cost)
