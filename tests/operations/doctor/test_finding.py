"""How looks are run."""

from __future__ import annotations

import threading
import time

from airflow_stack.errors import OperationError
from airflow_stack.operations.doctor.finding import Finding, Look, State, ok, run, size


def test_one_that_hangs_holds_up_nobody() -> None:
    """Rule: a look has its time; the others, and the order of the report, are as they would be without it."""
    never = threading.Event()

    def hang() -> list[Finding]:
        never.wait(60)
        return []

    start = time.monotonic()
    groups = run([Look("A", "hangs", hang, 0.2), Look("B", "b", lambda: [ok("b", "1")]),
                  Look("A", "a", lambda: [ok("a", "2")])])  # fmt: skip
    took = time.monotonic() - start
    never.set()
    assert took < 30
    assert [(group.title, [finding.what for finding in group.findings]) for group in groups] == [
        ("A", ["hangs", "a"]),
        ("B", ["b"]),
    ]
    assert groups[0].findings[0].state is State.WARNING
    assert "no answer" in groups[0].findings[0].seen


def test_a_late_one_is_waited_for_its_own_time() -> None:
    """Rule: the time of one look is not the time of another."""
    gone = threading.Event()

    def slow() -> list[Finding]:
        gone.wait(60)
        return [ok("slow", "there")]

    def hang() -> list[Finding]:
        threading.Event().wait(60)
        return []

    def release() -> list[Finding]:
        return []

    timer = threading.Timer(0.5, gone.set)
    timer.start()
    (group,) = run([Look("A", "slow", slow, 60), Look("A", "hangs", hang, 0.1), Look("A", "none", release)])
    assert [finding.seen for finding in group.findings] == ["there", "no answer within 0 s"]


def test_what_fails_is_one_line() -> None:
    """Rule: an error of ours is told with its way out; any other by its kind alone: its text may hold anything."""

    def refuses() -> list[Finding]:
        raise OperationError("Docker does not answer.\nStart it.")

    def breaks() -> list[Finding]:
        raise ValueError("postgresql://airflow:hunter2@db")

    (group,) = run([Look("A", "one", refuses, state=State.MISSING), Look("A", "two", breaks)])
    first, second = group.findings
    assert (first.seen, first.mend, first.state) == ("Docker does not answer", "Start it.", State.MISSING)
    assert second.state is State.WARNING
    assert "ValueError" in second.seen
    assert "hunter2" not in str(second)


def test_sizes() -> None:
    """Rule: bytes are told in the largest unit that fits."""
    assert [size(number) for number in (10, 2048, 5 * 1024**2, 1.5 * 1024**3)] == ["10 B", "2 KiB", "5 MiB", "1.5 GiB"]
