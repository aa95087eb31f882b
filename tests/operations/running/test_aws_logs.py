"""`logs` of a stack on AWS, from CloudWatch as moto has it."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any

import pytest

from operations.running.conftest import Prod


def ago(seconds: float) -> int:
    return int((datetime.now(UTC).timestamp() - seconds) * 1000)


def texts(prod: Prod, *roles: str, since: timedelta | None = None, tail: int | None = None) -> list[str]:
    begin = datetime.now(UTC) - since if since else None
    return [f"{line.instance}: {line.text}" for line in prod.find().logs(roles, begin, tail, False)]


def test_all_roles_are_one_log_by_time(prod: Prod) -> None:
    """Rule: lines of all groups in the order of their time, each with its task."""
    prod.log("scheduler", (ago(50), "one"), (ago(30), "three"))
    prod.log("worker", (ago(40), "two"))
    prod.log("one-off", (ago(20), "four"))
    assert texts(prod) == [
        "scheduler-3f2a9c01: one", "worker-3f2a9c01: two", "scheduler-3f2a9c01: three", "one-off-3f2a9c01: four",
    ]  # fmt: skip


def test_a_role_since_a_moment(prod: Prod) -> None:
    """Rule: of the roles that are named, from the moment that is named."""
    prod.log("scheduler", (ago(7200), "old"), (ago(60), "new"))
    prod.log("worker", (ago(30), "other"))
    assert texts(prod, "scheduler", since=timedelta(hours=1)) == ["scheduler-3f2a9c01: new"]


def test_last_lines_are_looked_for_further_back(prod: Prod) -> None:
    """Rule: as many as are asked for, however long a role has been silent."""
    prod.log("scheduler", (ago(80_000), "one"), (ago(70_000), "two"), (ago(60_000), "three"))
    assert texts(prod, "scheduler", tail=2) == ["scheduler-3f2a9c01: two", "scheduler-3f2a9c01: three"]


def test_following_shows_each_line_once_and_late_ones_too(prod: Prod, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rule: what was there, then what comes; one that arrives after a later one is not lost, and none comes twice."""
    prod.log("worker", (ago(20), "first"))
    arrivals = iter([[(ago(1), "third", "bbbbbbbb1")], [(ago(10), "second, late", "cccccccc1")]])

    def sleep(_: float) -> None:
        arrived = next(arrivals, None)
        assert arrived is not None, "what has arrived was not found"
        for moment, text, task in arrived:
            prod.log("worker", (moment, text), task=task)

    monkeypatch.setattr(time, "sleep", sleep)
    found = prod.find().logs(["worker"], None, 10, True)
    assert [line.text for line in islice(found, 3)] == ["first", "third", "second, late"]


def test_roles_and_their_other_places(prod: Prod, errors: Any) -> None:
    """Rule: an unknown role is named with those that exist; logs in S3 are said to be there, and how to ask them."""
    assert errors(lambda: list(prod.find().logs(["redis"], None, 1, False))).startswith("stack 'prod' has no role")
    prod.configure("logs: {firelens: true}")
    said = errors(lambda: list(prod.find().logs(["worker"], None, 1, False)))
    assert said.startswith("with target.logs.firelens the logs of worker are in S3")
    assert "in the workgroup airflow-logs" in said
    prod.log("one-off", (ago(5), "migrated"))
    assert texts(prod, "one-off", tail=5) == ["one-off-3f2a9c01: migrated"]
