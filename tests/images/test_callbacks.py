"""callbacks.py: a task's callback that never ends is interrupted, and the others stay as they are."""

from __future__ import annotations

import logging
import signal
import threading
import time
from collections.abc import Callable
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from airflow_stack_runtime import callbacks


class TimeoutError(BaseException):  # noqa: A001 - as Airflow's AirflowTaskTimeout, which no `except Exception` catches
    pass


@pytest.fixture(autouse=True)
def airflow(stand_in: Callable[..., ModuleType], monkeypatch: pytest.MonkeyPatch) -> None:
    stand_in("airflow.exceptions", AirflowTaskTimeout=TimeoutError)
    monkeypatch.setenv(callbacks.LIMIT, "600")


def forever(_: Any) -> None:
    while True:
        try:
            time.sleep(60)
        except Exception:  # noqa: S112 - as people write them
            continue


@pytest.mark.parametrize("several", [False, True])
def test_all_callbacks_of_a_task_are_bounded(several: bool) -> None:
    """Rule: each kind, one or a list of them; a task without any stays without."""
    seen: list[Any] = []
    given = [seen.append, seen.append] if several else seen.append
    task = SimpleNamespace(**dict.fromkeys(callbacks.KINDS, given), on_nothing=None)
    callbacks.bind(task)
    for kind in callbacks.KINDS:
        found = getattr(task, kind)
        assert isinstance(found, list) is several
        for one in found if several else [found]:
            assert one.__name__ == "append"
            one({"run": 1})
    assert len(seen) == len(callbacks.KINDS) * (2 if several else 1)
    empty = SimpleNamespace(on_failure_callback=None, on_success_callback=[])
    callbacks.bind(empty)
    assert vars(empty) == {"on_failure_callback": None, "on_success_callback": []}


def test_a_task_that_is_read_twice_is_bounded_once() -> None:
    """Rule: a policy is called for a task of a DAG that was bound before, too."""
    task = SimpleNamespace(on_failure_callback=forever)
    callbacks.bind(task)
    once = task.on_failure_callback
    callbacks.bind(task)
    assert task.on_failure_callback is once


def test_one_that_never_ends_is_ended_and_told(caplog: pytest.LogCaptureFixture) -> None:
    """Rule: by name and key, in the task's log; afterwards no alarm is left, and the old handler is back."""
    before = signal.getsignal(signal.SIGALRM)
    call = callbacks.bounded(forever, "on_failure_callback", 0.1)
    with caplog.at_level(logging.ERROR, "airflow.task"), pytest.raises(RuntimeError, match=r"was ended after 0\.1 s"):
        call({})
    assert "on_failure_callback forever was ended" in caplog.text
    assert "airflow-stack:airflow.callback_timeout" in caplog.text
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)
    assert signal.getsignal(signal.SIGALRM) is before


def test_one_that_catches_everything_is_interrupted_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rule: one caught interruption is not the end of it."""
    monkeypatch.setattr(callbacks, "AGAIN", 0.05)
    caught: list[BaseException] = []

    def stubborn() -> None:
        while len(caught) < 3:
            try:
                time.sleep(60)
            except BaseException as error:
                caught.append(error)

    callbacks.bounded(stubborn, "on_retry_callback", 0.05)()
    assert len(caught) == 3


def test_what_a_callback_raises_and_returns_is_its_own() -> None:
    """Rule: within its time nothing differs."""
    assert callbacks.bounded(lambda x: x + 1, "on_success_callback", 5)(1) == 2
    with pytest.raises(KeyError):
        callbacks.bounded({}.__getitem__, "on_success_callback", 5)("gone")


def test_in_another_thread_it_runs_unbounded() -> None:
    """Rule: only the main thread has signals; the callback runs all the same."""
    seen: list[int] = []
    thread = threading.Thread(target=callbacks.bounded(seen.append, "on_success_callback", 5), args=(1,))
    thread.start()
    thread.join()
    assert seen == [1]


def test_without_a_limit_they_stay_as_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rule: an image that runs outside a stack behaves as Airflow does."""
    monkeypatch.delenv(callbacks.LIMIT)
    task = SimpleNamespace(on_failure_callback=forever)
    callbacks.bind(task)
    assert task.on_failure_callback is forever
