"""Asks ECS not to stop this worker while it has tasks: neither a scale-in nor a deployment then ends them.

The endpoint is that of the agent beside the container, ``ECS_AGENT_URI``; where there is none, nothing is done.
https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-scale-in-protection-endpoint.html
"""

from __future__ import annotations

import json
import logging
import os
import threading
import time
from collections.abc import Callable, Mapping

log = logging.getLogger(__name__)

GRACE = 10.0
"""Seconds without a task before the protection ends: the next task of a DAG is seldom longer in coming."""

LOOK = 5.0
"""Seconds between two looks at whether there are still tasks."""

TIMEOUT = 5.0
"""Seconds that the agent may take to answer."""

RETRY = (1.0, 60.0)
"""Seconds until a failed request is repeated: after the first failure, and at most."""

Put = Callable[[bool, int], None]


class RefusedError(OSError):
    """The agent answered that it did not do it."""


def agent(uri: str) -> Put:
    """Return what asks the agent at this address; it raises OSError if that fails."""
    import urllib.request
    from urllib.error import HTTPError

    # The address is one of the container's own network: never by a proxy.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def put(enabled: bool, minutes: int) -> None:
        body: dict[str, object] = {"ProtectionEnabled": enabled}
        if enabled:
            body["ExpiresInMinutes"] = minutes
        request = urllib.request.Request(  # noqa: S310
            f"{uri}/task-protection/v1/state",
            data=json.dumps(body).encode(),
            headers={"Content-Type": "application/json"},
            method="PUT",
        )
        try:
            with opener.open(request, timeout=TIMEOUT) as answer:
                content = answer.read(4096)
        except HTTPError as error:
            raise RefusedError(f"HTTP status {error.code}: {error.read(300).decode(errors='replace')}") from None
        if b'"protection"' not in content:
            raise RefusedError(content[:300].decode(errors="replace"))

    return put


class Protection:
    """Follows a worker's tasks in a thread, which starts with the first of them."""

    def __init__(self, put: Put, busy: Callable[[], bool], minutes: int, clock: Callable[[], float] = time.monotonic):
        """``busy`` says whether the worker has tasks; ``minutes`` is how long ECS keeps a protection by itself."""
        self._put, self._busy, self._minutes, self._clock = put, busy, minutes, clock
        self.asked = False
        """A protection may be there: it was asked for, whatever the answer, and not taken back since."""
        self._arrived = False
        self._wanted = False
        self._leaving = False
        self._last_task = 0.0
        self._due = 0.0
        self._failures = 0
        self._wake = threading.Event()
        self._ended = threading.Event()
        self._guard = threading.Lock()
        self._thread: threading.Thread | None = None

    def task_arrives(self) -> None:
        """A task has been received. Does not wait for the agent."""
        self._arrived = True
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="scale-in-protection", daemon=True)
            self._thread.start()
        self._wake.set()

    def leave(self) -> None:
        """The worker shuts down: what protection there is stays until ``end``, though the counts of tasks are gone."""
        self._leaving = True

    def end(self) -> None:
        """The last task is over, and so is the process: take the protection back, or say that it will run out."""
        self._ended.set()
        self._wake.set()
        with self._guard:
            if self.asked:
                self._request(False)

    def step(self) -> float | None:
        """Do what is due now. Returns after how many seconds to look again, None if not before the next task."""
        now = self._clock()
        arrived, self._arrived = self._arrived, False
        if arrived or self._busy():
            self._last_task = now
            wanted = True
        else:
            wanted = self.asked and (self._leaving or now - self._last_task < GRACE)
        if wanted != self._wanted:
            self._wanted, self._due, self._failures = wanted, now, 0
        if not wanted and not self.asked:
            return None
        if now >= self._due:
            if self._request(wanted):
                # Half of the time is left for an agent that does not answer.
                self._due = now + self._minutes * 30.0
            else:
                self._due = now + min(RETRY[0] * 2.0 ** (self._failures - 1), RETRY[1])
        return min(LOOK, max(self._due - now, 0.1)) if self.asked else None

    def _request(self, enabled: bool) -> bool:
        if enabled:
            self.asked = True
        try:
            self._put(enabled, self._minutes)
        except Exception as error:
            self._failures += 1
            what = "protects" if enabled else "releases"
            log.warning("The ECS agent %s this worker not yet: %s: %s", what, type(error).__name__, error)
            return False
        self._failures = 0
        self.asked = enabled
        return True

    def _run(self) -> None:
        while not self._ended.is_set():
            with self._guard:
                if self._ended.is_set():
                    return
                seconds = self.step()
            self._wake.wait(seconds)
            self._wake.clear()


def minutes(environment: Mapping[str, str] = os.environ) -> int:
    """Return for how long ECS is asked each time."""
    return int(environment.get("AIRFLOW_STACK_PROTECTION_MINUTES", "60"))


def connect(environment: Mapping[str, str] = os.environ) -> Protection | None:
    """Follow the tasks of the Celery worker that this process may become. Does nothing outside of ECS."""
    if not (uri := environment.get("ECS_AGENT_URI")):
        return None
    from celery import signals

    def busy() -> bool:
        # The first alone would be empty after a reconnect, while the tasks of before go on.
        from celery.worker import state

        return bool(len(state.reserved_requests) or len(state.active_requests))

    protection = Protection(agent(uri), busy, minutes(environment))
    signals.task_received.connect(lambda **_: protection.task_arrives(), weak=False)
    signals.worker_shutting_down.connect(lambda **_: protection.leave(), weak=False)
    signals.worker_shutdown.connect(lambda **_: protection.end(), weak=False)
    return protection
