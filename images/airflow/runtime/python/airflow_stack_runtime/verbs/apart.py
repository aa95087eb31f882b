"""Runs code of the user's in a child, which may do what it likes: hang, end, signal its group, take all memory."""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Generic, TypeVar

from airflow_stack_runtime import memory
from airflow_stack_runtime.patches.parsing import end_as

T = TypeVar("T")
LAST = 1.0
"""Seconds for the child to end when the result is there."""
LOOK = 0.2
"""Seconds between two looks at whether the child is still there: one of its own children may keep the pipe open."""


@dataclass(frozen=True)
class Ending(Generic[T]):
    """How the work has ended: with a result, or with why there is none."""

    result: T | None
    kind: str = ""
    """``timeout``, ``memory`` or ``crash``; empty where there is a result."""
    text: str = ""
    code: int | None = None
    """Of a process that has crashed: negative for a signal."""


def apart(work: Callable[[], T], seconds: float) -> Ending[T]:
    """Do the work in a child, which is killed after so many seconds. What it prints is nobody's."""
    context = multiprocessing.get_context("fork")
    receiver, sender = context.Pipe(duplex=False)
    child = context.Process(target=_child, args=(work, sender))
    kills = memory.read().kills
    end = time.monotonic() + seconds
    child.start()
    sender.close()
    try:
        while not receiver.poll(min(LOOK, max(end - time.monotonic(), 0.0))):
            if not child.is_alive() and not receiver.poll():
                return _without(child.exitcode, kills)
            if time.monotonic() >= end:
                return Ending(None, "timeout")
        result = receiver.recv()
        child.join(LAST)
        return _without(child.exitcode, kills) if child.exitcode else Ending(result)
    except EOFError:
        child.join()
        return _without(child.exitcode, kills)
    finally:
        receiver.close()
        if child.pid:
            with suppress(ProcessLookupError):  # not there yet, or gone with its last process
                os.killpg(child.pid, signal.SIGKILL)
        child.kill()
        child.join()


def _child(work: Callable[[], T], sender: Connection) -> None:
    """In a process group of its own, the first to be killed for memory; no thread of the work keeps it alive.

    A process between the two gets what the work sends to its parent, as where Airflow parses files.
    """
    os.setpgid(0, 0)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    memory.become_expendable()
    if child := os.fork():
        sender.close()
        end_as(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in (1, 2):
        os.dup2(nowhere, stream)
    sender.send(work())
    os._exit(0)


def _without(code: int | None, kills: int | None) -> Ending[T]:
    after = memory.read()
    if code == -signal.SIGKILL and kills is not None and (after.kills or 0) > kills:
        return Ending(None, "memory", f"the limit of {after.limit} MiB" if after.limit else "the machine's")
    if code is not None and code < 0:
        return Ending(None, "crash", f"by signal {signal.Signals(-code).name}", code)
    return Ending(None, "crash", f"with exit code {code}", code)
