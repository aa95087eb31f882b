"""The container of one command: what it may, what it is told, and that it goes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from airflow_stack.backends.images import Image
from airflow_stack.errors import OperationError, Terminated
from airflow_stack.operations.dags import container
from airflow_stack.operations.dags.entries import Entries
from airflow_stack.operations.dags.subject import Memory, Subject

PASSWORD = "hunter2hunter2"
GIVEN = Memory(1024, "scheduler.memory")


class Engine:
    """Docker, played: one container that prints ``log`` and ends."""

    def __init__(self, log: list[bytes]) -> None:
        self.log, self.removed = log, 0
        self.options: dict[str, Any] = {}
        self.given: dict[str, Any] = {}
        self.attrs = {"State": {"OOMKilled": False, "ExitCode": 1}}
        self.failure: BaseException | None = None
        self.containers = self

    def create(self, image: str, command: list[str], **options: Any) -> Engine:
        self.options = {"image": image, "command": command, **options}
        folder = next(Path(mount["Source"]) for mount in options["mounts"] if mount["Target"] == "/run/given")
        self.given = {path.stem: json.loads(path.read_text()) for path in folder.iterdir()}
        self.modes = (folder.parent.stat().st_mode & 0o777, folder.stat().st_mode & 0o777)
        return self

    def start(self) -> None:
        if self.failure:
            raise self.failure

    def logs(self, **_: Any) -> list[bytes]:
        return self.log

    def wait(self) -> None:
        pass

    reload = wait

    def remove(self, *, force: bool) -> None:
        assert force
        self.removed += 1


@pytest.fixture
def tried(tmp_path: Path) -> Subject:
    image = Image("airflow", tmp_path, "image:tag", {})
    folders = {"dags": tmp_path / "dags"}
    return Subject("local", tmp_path, image, "1000:0", {"A": "b"}, ("fernet_key",), folders, GIVEN, GIVEN)


def run(
    monkeypatch: pytest.MonkeyPatch, engine: Engine, tried: Subject, *, network: bool = False
) -> tuple[dict[str, Any], list[str]]:
    monkeypatch.setattr(container, "client", lambda: engine)
    printed: list[str] = []
    entries = Entries({"db": f"postgresql://me:{PASSWORD}@db/x"}, {"x": PASSWORD})
    found = container.answer(
        tried, "dags-check", {"known": {}}, entries, GIVEN, network=network, output=printed.append
    )  # fmt: skip
    return found, printed


def test_the_answer(monkeypatch: pytest.MonkeyPatch, tried: Subject) -> None:
    """Rule: the last marked line is the answer, however the stream is cut; the others are shown."""
    engine = Engine([b'one\nairflow-stack-result: {"a": 1}\ntw', b'o\nairflow-stack-result: {"a"', b": 2}\n"])
    found, printed = run(monkeypatch, engine, tried)
    assert found == {"a": 2}
    assert printed == ["one", "two"]
    assert engine.removed == 1


def test_what_a_check_may(monkeypatch: pytest.MonkeyPatch, tried: Subject) -> None:
    """Rule: no network, no root, no capability, no more memory than said, and nothing of the user's can be written."""
    engine = Engine([b"airflow-stack-result: {}\n"])
    run(monkeypatch, engine, tried)
    options = engine.options
    assert options["network_mode"] == "none"
    assert options["read_only"] is True
    assert options["user"] == "1000:0"
    assert options["cap_drop"] == ["ALL"]
    assert options["mem_limit"] == options["memswap_limit"] == "1024m"
    assert {mount["Target"] for mount in options["mounts"]} == {"/opt/airflow/dags", "/run/given"}
    assert all(mount["ReadOnly"] for mount in options["mounts"])


def test_a_run_has_a_network(monkeypatch: pytest.MonkeyPatch, tried: Subject) -> None:
    """Rule: tasks reach what they would reach on the stack, and write where they like in a container that is gone."""
    engine = Engine([b"airflow-stack-result: {}\n"])
    run(monkeypatch, engine, tried, network=True)
    assert engine.options["network_mode"] is None
    assert engine.options["read_only"] is False


def test_secrets_are_in_files(monkeypatch: pytest.MonkeyPatch, tried: Subject) -> None:
    """Rule: what is given is in a folder that only the container reaches, in no argument and no variable, and goes."""
    engine = Engine([b"airflow-stack-result: {}\n"])
    run(monkeypatch, engine, tried)
    assert PASSWORD not in str(engine.options)
    assert engine.given["variables"] == {"x": PASSWORD}
    assert engine.given["request"] == {"known": {}, "secrets": ["fernet_key"]}
    assert engine.modes == (0o700, 0o755)
    assert list((tried.program / ".airflow-stack").iterdir()) == []


@pytest.mark.parametrize("failure", [KeyboardInterrupt(), Terminated()])
def test_an_interrupt_takes_all_along(monkeypatch: pytest.MonkeyPatch, tried: Subject, failure: BaseException) -> None:
    """Rule: container and given files go with the command that waits for them."""
    engine = Engine([])
    engine.failure = failure
    with pytest.raises(type(failure)):
        run(monkeypatch, engine, tried)
    assert engine.removed == 1
    assert list((tried.program / ".airflow-stack").iterdir()) == []


@pytest.mark.parametrize(("killed", "words"), [(False, "exit code 1 and no result"), (True, "more than 1024 MiB")])
def test_no_result(monkeypatch: pytest.MonkeyPatch, tried: Subject, killed: bool, words: str) -> None:
    """Rule: a program that ends without a result is an error, memory named where that was it."""
    engine = Engine([b"something\n"])
    engine.attrs["State"]["OOMKilled"] = killed
    with pytest.raises(OperationError, match=words):
        run(monkeypatch, engine, tried)
    assert engine.removed == 1
