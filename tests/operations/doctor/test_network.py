"""What is reached, and the clock."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from types import SimpleNamespace

import pytest

from airflow_stack.operations.doctor import network
from airflow_stack.operations.doctor.finding import State

from .conftest import one


@pytest.fixture
def index(monkeypatch: pytest.MonkeyPatch) -> Iterator[SimpleNamespace]:
    """A mirror of PyPI: its answer, and what it was asked with."""
    says = SimpleNamespace(status=200, date=None, asked=[], url="")

    class Handler(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            says.asked.append((self.path, self.headers.get("Authorization")))
            self.send_response_only(says.status)
            self.send_header("Date", says.date or self.date_time_string())
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    says.url = f"http://127.0.0.1:{server.server_port}/simple"
    monkeypatch.setenv("PIP_INDEX_URL", says.url)
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    yield says
    server.shutdown()
    server.server_close()


def test_pip_s_own_index_is_asked(index: SimpleNamespace) -> None:
    """Rule: a mirror in pip's settings is what is reached, and its time is what the clock is held to."""
    found = list(network.pypi())
    assert [finding.state for finding in found] == [State.OK, State.OK]
    assert one(found, "PyPI").seen == "127.0.0.1 answers"
    assert index.asked == [("/simple/pip/", None)]


def test_a_mirror_that_wants_a_login_is_reached(index: SimpleNamespace, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rule: its login is neither sent nor shown."""
    index.status = 401
    monkeypatch.setenv("PIP_INDEX_URL", index.url.replace("//", "//jane:hunter2@"))
    found = list(network.pypi())
    assert one(found, "PyPI").state is State.OK
    assert index.asked == [("/simple/pip/", None)]
    assert "hunter2" not in str(found)
    assert "jane" not in str(found)


def test_nobody_there(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rule: no index is a warning with its price, and no word on the clock."""
    monkeypatch.setenv("PIP_INDEX_URL", "http://jane:hunter2@127.0.0.1:9/simple")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    (found,) = network.pypi()
    assert (found.what, found.state) == ("PyPI", State.WARNING)
    assert "is not reached" in found.seen
    assert "no image can be built anew" in found.cost
    assert "hunter2" not in str(found)


def test_a_clock_that_is_off(index: SimpleNamespace) -> None:
    """Rule: minutes are a lack, since AWS refuses them."""
    index.date = "Mon, 01 Jan 2024 00:00:00 GMT"
    found = one(network.pypi(), "Clock")
    assert found.state is State.MISSING
    assert "ahead, against 127.0.0.1" in found.seen
    assert found.mend


@pytest.mark.parametrize(
    ("seconds", "state", "word"),
    [(0, State.OK, "right"), (4.9, State.OK, "right"), (-4.9, State.OK, "right"), (20, State.WARNING, "ahead"),
     (-20, State.WARNING, "behind"), (300, State.MISSING, "ahead"), (-300, State.MISSING, "behind")],
)  # fmt: skip
def test_skew(seconds: float, state: State, word: str) -> None:
    """Rule: which way a clock is off, and from when on it matters."""
    (found,) = network.skew("Clock", seconds, "against X")
    assert found.state is state
    assert word in found.seen


def test_the_clock_is_set_by_the_system_s_own_command(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rule: macOS has another one."""

    def mend(platform: str) -> str:
        monkeypatch.setattr(sys, "platform", platform)
        (found,) = network.skew("Clock", 60, "")
        return found.mend

    commands: Callable[[str], str] = mend
    assert "timedatectl" in commands("linux")
    assert "sntp" in commands("darwin")


def test_a_mirror_in_pip_s_files(index: SimpleNamespace, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Rule: a mirror is as often in a file as in a variable."""
    monkeypatch.delenv("PIP_INDEX_URL")
    monkeypatch.setattr(network, "LIMIT", 60.0)
    file = tmp_path / "pip.conf"
    file.write_text(f"[global]\nindex-url = {index.url}/mirror\n")
    monkeypatch.setenv("PIP_CONFIG_FILE", str(file))
    assert one(network.pypi(), "PyPI").state is State.OK
    assert index.asked == [("/simple/mirror/pip/", None)]
