"""The Pulumi program itself, as the engine runs it, up to the resources that it registers."""

from __future__ import annotations

import runpy
from pathlib import Path

import pulumi
import pytest

from airflow_stack.airflow import describe
from airflow_stack.backends.containers import plan
from airflow_stack.backends.machine import Machine
from airflow_stack.config import LocalConfig
from backends.recorder import PROGRAM, STACK, Recorder, RecordingMonitor, machine

CONFIG = {"airflow-stack:worker": '{"count": 3}', "airflow-stack:hardened": "true", "docker:host": "unix:///x"}


def preview(config: dict[str, str], monkeypatch: pytest.MonkeyPatch, secret_keys: tuple[str, ...] = ()) -> Recorder:
    """Run __main__.py as `pulumi preview` does."""
    recorder = Recorder()
    pulumi.runtime.set_all_config(config, list(secret_keys))
    monkeypatch.setattr("signal.signal", lambda *_: None)  # Ctrl-C is pytest's here
    monkeypatch.setattr("gc.disable", lambda: None)  # and so is the memory
    monkeypatch.setattr("pulumi.log.debug", pulumi.log.debug)  # which the program replaces
    monkeypatch.setenv("DOCKER_HOST", "tcp://127.0.0.1:9")
    monkeypatch.setattr("pathlib.Path.mkdir", lambda *_, **__: pytest.fail("a preview makes no directory"))
    pulumi.runtime.set_mocks(
        recorder, project="airflow-stack", stack=STACK, preview=True, monitor=RecordingMonitor(recorder)
    )

    @pulumi.runtime.test
    def program() -> None:
        runpy.run_path(str(PROGRAM / "__main__.py"), run_name="__main__")

    program()
    return recorder


def test_a_preview_registers_the_stack_without_docker(monkeypatch: pytest.MonkeyPatch) -> None:
    """Config as Pulumi hands it over becomes containers, with no Docker, no network and no file."""
    recorder = preview(CONFIG, monkeypatch)
    names = {resource.name for resource in recorder.resources if resource.type == "docker:index/container:Container"}
    assert {"airflow-worker-3", "airflow-postgres", "airflow-proxy"} <= names
    assert not recorder.calls


@pytest.mark.parametrize(
    ("config", "secret_keys", "message"),
    [
        ({"airflow-stack:worker": '{"count": 0}'}, (), "airflow-stack:worker.count: must be at least 1"),
        ({"airflow-stack:wroker": "{}"}, (), "airflow-stack:wroker: there is no such key; did you mean worker?"),
        ({"airflow-stack:redis_password": "hunter2hunter2"}, (), "is a secret, but stands in plain text"),
        ({"airflow-stack:redis_password": "hunter2"}, ("airflow-stack:redis_password",), "must be 8 to 128"),
        ({"airflow-stack:worker": '{"count": "hunter2"}'}, ("airflow-stack:worker",), "but is no secret"),
    ],
)
def test_bad_config_ends_a_preview_with_one_clear_error(
    config: dict[str, str], secret_keys: tuple[str, ...], message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Logged once, with the exit code at which Pulumi adds nothing; before any resource; without a value."""
    shown: list[str] = []
    monkeypatch.setattr(pulumi.log, "error", shown.append)
    with pytest.raises(SystemExit, match=r"^32$"):
        preview(config, monkeypatch, secret_keys)
    (error,) = shown
    assert message in error
    assert "bad config in Pulumi.local.yaml: 1 problem; nothing was changed" in error
    assert "hunter2" not in error


@pytest.mark.parametrize(
    ("address", "url"),
    [
        ("127.0.0.1", "http://localhost:8080"),
        ("::", "http://localhost:8080"),
        ("192.0.2.7", "http://192.0.2.7:8080"),
        ("2001:db8::7", "http://[2001:db8::7]:8080"),
    ],
)
def test_the_address_is_one_that_a_browser_takes(address: str, url: str, tmp_path: Path) -> None:
    """Rule: the URL that `up` prints can be opened on this machine, whatever address is bound."""
    config = LocalConfig.model_validate({"target": {"bind_address": address}})
    assert plan(config, describe(config), machine(tmp_path)).url == url


def test_a_home_directory_is_the_user_s(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rule: ~/airflow is in the user's home, not a folder named ~."""
    monkeypatch.setenv("HOME", str(tmp_path))
    config = LocalConfig.model_validate({"target": {"project_dir": "~/airflow"}})
    assert Machine.of(config, tmp_path / "program", "local").project == tmp_path / "airflow"
