"""DAGs that the stack keeps from stopping the others, as `facts` tells of them: what is wrong, and what to do."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from shlex import quote
from typing import Any

SLOTS = 16
"""Of a pool that is created: as many tasks as Airflow lets a DAG run at once."""
KINDS = ("AirflowClusterPolicyViolation: ", "ParsingEnded: ")
"""What stands before the words of an import error: of a cluster policy, of a file that hangs or ends its process."""


@dataclass(frozen=True)
class Trouble:
    """Of one DAG, or one file of DAGs."""

    where: str
    """The file, or the DAG and its task."""
    what: str
    command: str = "dags check -s {stack}"
    """Of ours, that helps or says more."""

    def __str__(self) -> str:
        """One line."""
        return f"{self.where}: {self.what}"


def troubles(facts: Mapping[str, Any]) -> Iterator[Trouble]:
    """Each of them, once. Facts of an older image have none."""
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
