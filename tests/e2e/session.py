"""What a test session starts, and the reaper that removes it: commands, stacks, copies of the project."""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from e2e.container_logs import ContainerLogs

ROOT = Path(__file__).parents[2]
T = TypeVar("T")


@dataclass(frozen=True)
class Finished:
    """A command that has ended."""

    command: str
    code: int
    output: str
    """What it printed, on both streams."""

    def check(self) -> Finished:
        """Itself, where the command has succeeded; AssertionError with all of its output elsewhere."""
        assert self.code == 0, f"{self.command} ended with {self.code}:\n{self.output}"
        return self


class Session:
    """Starts commands and names stacks. The reaper knows of both before they exist."""

    def __init__(self) -> None:
        self._reaper = subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("reaper.py"))],
            stdin=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        self._logs = ContainerLogs()

    def container_logs(self, stack: str) -> dict[str, str]:
        """What each container of a stack has printed, those that are gone included."""
        return self._logs.of(stack)

    def close(self) -> None:
        """Returns when nothing of this session is left."""
        assert self._reaper.stdin is not None
        self._reaper.stdin.close()
        self._reaper.wait(timeout=180)

    def new_name(self, kind: str = "t") -> str:
        """Name for a stack of this session, and for its prefix."""
        name = f"{kind}{secrets.token_hex(3)}"
        self._tell(f"stack {name}")
        return name

    def start(self, command: list[str], cwd: Path, environment: Mapping[str, str], log: Path) -> subprocess.Popen[str]:
        """Start a command in a process group of its own, its output in a file."""
        with log.open("w") as output:
            process = subprocess.Popen(
                command, cwd=cwd, env=environment, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT,
                start_new_session=True, text=True,
            )  # fmt: skip
        self._tell(f"group {process.pid}")
        return process

    def ended(self, process: subprocess.Popen[str]) -> None:
        """A started command has been waited for."""
        self._tell(f"ended {process.pid}")

    def run(
        self, command: list[str], cwd: Path, environment: Mapping[str, str], log: Path, timeout: float = 300
    ) -> Finished:
        """Run a command to its end; its whole group is killed at the time limit."""
        process = self.start(command, cwd, environment, log)
        try:
            process.wait(timeout)
        except BaseException:  # an interrupt too: nothing that a test has started goes on without it
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            raise
        finally:
            self.ended(process)
        return Finished(" ".join(command), process.returncode, log.read_text(errors="replace"))

    def _tell(self, line: str) -> None:
        assert self._reaper.stdin is not None
        self._reaper.stdin.write(f"{line}\n")
        self._reaper.stdin.flush()


def copy_project(target: Path) -> Path:
    """The project as git knows it, with changes that are not committed and without what it ignores."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], cwd=ROOT, check=True,
        capture_output=True, text=True,
    ).stdout  # fmt: skip
    for name in filter(None, listed.split("\0")):
        source = ROOT / name
        if source.is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, target / name)
    (target / ".venv").symlink_to(sys.prefix)
    return target


def free_port() -> int:
    """A port of the loopback address that nobody uses, outside the range that clients get theirs from."""
    while True:
        port = 20_000 + secrets.randbelow(10_000)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        return port


def poll(what: str, probe: Callable[[], T | None], timeout: float = 60, interval: float = 0.3) -> T:
    """The first true answer of ``probe``. AssertionError that names what was waited for, after ``timeout`` seconds."""
    deadline = time.monotonic() + timeout
    while True:
        answer = probe()
        if answer:
            return answer
        assert time.monotonic() < deadline, f"not within {timeout:.0f} s: {what}"
        time.sleep(interval)
