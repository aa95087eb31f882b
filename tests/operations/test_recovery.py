"""A lock that a killed update has left, and one that somebody holds."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from airflow_stack.operations import recovery


def lock(directory: Path, **owner: object) -> Path:
    """A lock as Pulumi's file backend writes it."""
    path = directory / ".pulumi" / "locks" / "organization" / "airflow-stack" / "local" / "1.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"pid": os.getpid(), "hostname": socket.gethostname(), "username": "me"} | owner))
    return path


def ended_process() -> int:
    """Id of a process that is gone."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def test_the_lock_of_a_process_that_is_gone_is_nobody_s(tmp_path: Path) -> None:
    """Rule: an update that was killed does not stop the next one."""
    assert not recovery._is_held(lock(tmp_path, pid=ended_process()))


def test_a_process_id_that_another_program_has_got_is_no_owner(tmp_path: Path) -> None:
    """Rule: a lock is not kept alive by whoever got its owner's id after it."""
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    try:
        assert not recovery._is_held(lock(tmp_path, pid=process.pid))
    finally:
        process.communicate()


def test_a_running_update_keeps_its_lock(tmp_path: Path) -> None:
    """Rule: nobody's update is broken off by ours."""
    command = [sys.executable, "-c", "print(flush=True); input()", "pulumi"]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        assert process.stdout
        process.stdout.readline()  # it runs: before, it may have no command line
        assert recovery._is_held(lock(tmp_path, pid=process.pid))
    finally:
        process.communicate()


@pytest.mark.parametrize("owner", [{"hostname": "another-machine"}, {"pid": "x"}, {"pid": None}])
def test_a_lock_that_can_not_be_judged_is_kept(tmp_path: Path, owner: dict[str, object]) -> None:
    """Rule: another machine's lock, or one in a form that we don't know, is not ours to release."""
    assert recovery._is_held(lock(tmp_path, **owner))


def test_locks_of_other_stacks_are_not_looked_at(tmp_path: Path) -> None:
    """Rule: recovery concerns one stack."""
    path = lock(tmp_path)
    assert recovery._locks(tmp_path, "local") == [path]
    assert recovery._locks(tmp_path, "other") == []
    assert recovery._locks(None, "local") == []
