"""A task that takes more than its worker has: killed alone, told where people look, well where the advice is taken."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

import pytest

from e2e.session import Session, poll
from e2e.stack import Stack, docker

# Two small tasks are at work when the third one takes more than the worker's limit, and end after it.
HUNGRY = """
import time
import pendulum
from airflow.decorators import dag, task
from airflow.models import TaskInstance
from airflow.utils.session import create_session


@dag(schedule=None, start_date=pendulum.datetime(2024, 1, 1), default_args={"retries": 0})
def hungry():
    def wait_for(task_id, states, run_id):
        while True:
            with create_session() as session:
                one = session.query(TaskInstance).filter_by(dag_id="hungry", run_id=run_id, task_id=task_id).one()
                if one.state in states:
                    return
            time.sleep(0.5)

    @task
    def read_it_all(run_id=None):
        for neighbour in ("small_1", "small_2"):
            wait_for(neighbour, ("running",), run_id)
        rows = [bytearray(b"x" * 1_000_000) for _ in range(700)]
        return len(rows)

    @task
    def small(run_id=None):
        wait_for("read_it_all", ("failed", "success"), run_id)

    read_it_all()
    small.override(task_id="small_1")()
    small.override(task_id="small_2")()


hungry()
"""
MIB = 640
SCORES = 'for one in /proc/[0-9]*; do echo "$(cat $one/oom_score_adj) $(tr "\\0" " " <$one/cmdline)"; done 2>/dev/null'


@pytest.fixture(scope="module")
def place(session: Session, images: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:  # noqa: ARG001
    own = Stack(
        session,
        tmp_path_factory.mktemp("memory"),
        {
            "target": {"throw_away": True, "memory": 16_384},
            "worker": {"count": 1, "memory": MIB},
            "airflow": {"options": {"core": {"default_task_retries": 0}}},
        },
    )
    (own.program / "dags" / "hungry.py").write_text(HUNGRY)
    own.up(compose=True)
    yield own
    own.cli("down", "-s", own.name)


def states(place: Stack, run: str) -> dict[str, str]:
    return {task["task_id"]: task["state"] for task in place.api().tasks("hungry", run)}


def test_a_task_without_memory_dies_alone_is_told_and_heals_by_the_advice(place: Stack) -> None:
    """Rule: neighbours go on; log, `status` and `doctor` have limit, use, key and a value; with it the DAG succeeds."""
    place.api().trigger("hungry", "first")

    def both_at_work() -> str | None:
        said = place.exec("worker-1", "sh", "-c", SCORES)
        return said if said.count("task runner") >= 2 else None

    scores = poll("the tasks run", both_at_work)
    found = [line.partition(" ") for line in scores.splitlines() if line.partition(" ")[0].isdigit()]
    assert {score for score, _, name in found if "airflow task runner" in name} == {"500"}
    assert {score for score, _, name in found if "celeryd" in name} == {"0"}, "tasks are killed before the worker"
    assert place.api().wait("hungry", "first") == "failed"
    assert states(place, "first") == {"read_it_all": "failed", "small_1": "success", "small_2": "success"}
    assert place.unhealthy() == []
    log = place.api().log("hungry", "first", "read_it_all")
    told = re.search(
        rf"Killed by the kernel for memory: the limit of \S+-worker-1 is {MIB} MiB, at the kill it used (\d+) MiB"
        r" \(the task itself (\d+) MiB\); raise airflow-stack:worker\.memory to (\d+) \(now 640\), or lower"
        r" airflow-stack:worker\.concurrency \(now 4\)",
        log,
    )
    assert told, log
    used, own, more = map(int, told.groups())
    assert 0.9 * MIB < used <= MIB
    assert 200 < own < used
    # A restarted container has forgotten what its cgroup counted.
    docker("restart", place.container("worker-1"))
    poll("the worker is back", lambda: place.unhealthy() == [], 120)
    status = place.cli("status", "-s", place.name).check().output
    assert "hungry.read_it_all, run first, try 1" in status
    assert f"raise airflow-stack:worker.memory to {more} (now {MIB})" in status
    document = json.loads(place.cli("status", "-s", place.name, "--json").output)
    assert [kill["where"] for kill in document["killed"]] == [place.container("worker-1")]
    doctor = place.cli("doctor", "-s", place.name).output
    assert f"airflow-stack init -s {place.name} --set worker.memory={more}" in doctor

    place.config["worker"]["memory"] = more
    place.write()
    place.up(compose=True)
    place.api().trigger("hungry", "second")
    assert place.api().wait("hungry", "second") == "success"
    assert "killed for memory" not in place.cli("status", "-s", place.name).check().output
    assert "Killed for memory" not in place.cli("doctor", "-s", place.name).output


# What the processes that import DAG files say of themselves; nobody else imports this file.
SCORE = """
from pathlib import Path
Path(__file__).with_name("score.txt").write_text(Path("/proc/self/oom_score_adj").read_text())
"""


def test_what_imports_a_dag_file_is_killed_before_the_scheduler(place: Stack) -> None:
    """Rule: a file that takes too much memory costs its own process, and the scheduler has its own score."""
    (place.program / "dags" / "score.py").write_text(f"# airflow DAG\n{SCORE}")
    said = place.program / "dags" / "score.txt"
    assert poll("the file is imported", lambda: said.exists() and said.read_text().strip(), 60) == "500"
    # The init process and its child, which is the scheduler.
    read = "for pid in 1 $(cat /proc/1/task/1/children); do cat /proc/$pid/oom_score_adj; done"
    assert place.exec("scheduler", "sh", "-c", read).split() == ["0", "0"]
