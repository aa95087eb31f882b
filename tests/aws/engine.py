"""Pulumi's engine on a program of a test, with the stand-in as its plugin for AWS."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from typing import Any

import yaml

TESTS = Path(__file__).parents[1]
CREDENTIALS = {"AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing"}
CHANGES = ("create", "update", "replace", "delete")


STAND_IN, REAL = "stand-in", "real"


def own_plugins() -> Path:
    """Where Pulumi keeps the plugins of whoever runs the tests."""
    return Path(os.environ.get("PULUMI_HOME", Path.home() / ".pulumi")) / "plugins"


def has_real_plugin() -> bool:
    """Whether pulumi-aws's own plugin is there, in the version of the SDK: Pulumi takes that one or none."""
    return (own_plugins() / f"resource-aws-v{metadata.version('pulumi-aws')}" / "pulumi-resource-aws").exists()


def launcher(directory: Path) -> Path:
    """A folder for PATH, with the plugin as a command in it: the engine prefers it to its own folder of plugins."""
    directory.mkdir(parents=True, exist_ok=True)
    command = directory / "pulumi-resource-aws"
    # Not the program's PYTHONPATH: the plugin runs the tests' code, whatever copy of the project it serves.
    command.write_text(f'#!/bin/sh\nPYTHONPATH="{TESTS}" exec "{sys.executable}" -m aws.plugin "$@"\n')
    command.chmod(0o755)
    return directory


@dataclass(frozen=True)
class Finished:
    """A command of Pulumi that has ended."""

    command: str
    code: int
    output: str = field(repr=False)

    def check(self) -> Finished:
        assert self.code == 0, f"{self.command} ended with {self.code}:\n{self.said}"
        return self

    @property
    def said(self) -> str:
        """What a person would read: the messages alone where the output is a stream of events."""
        if self.output.startswith('{"sequence":'):
            events = [json.loads(line) for line in self.output.splitlines() if line.startswith("{")]
            spoken = [event["diagnosticEvent"] for event in events if "diagnosticEvent" in event]
            errors = [event["message"] for event in spoken if event["severity"] == "error"]
            return "".join(errors or [event["message"] for event in spoken if event["severity"] != "debug"])
        if self.output.startswith("{"):
            document, end = json.JSONDecoder().raw_decode(self.output)
            messages = [one["message"] for one in document.get("diagnostics", []) if one["severity"] == "error"]
            return "\n".join(messages) + self.output[end:]
        return "".join(self.output.partition("Diagnostics:")[1:]) or self.output


@dataclass
class Engine:
    """One stack of one program. State, passphrase and plugins are the test's own."""

    program: Path
    stack: str
    endpoint: str | None
    """Of moto; None for a machine that reaches no AWS at all."""
    credentials: Mapping[str, str] = field(default_factory=lambda: CREDENTIALS)
    plugin: str = STAND_IN

    def __post_init__(self) -> None:
        self._own = self.program / ".engine"
        (self._own / "state").mkdir(parents=True, exist_ok=True)
        home = self._own / "home"
        home.mkdir(exist_ok=True)
        if own_plugins().is_dir() and not (home / "plugins").exists():
            (home / "plugins").symlink_to(own_plugins())
        if self.plugin == STAND_IN:
            launcher(self._own / "bin")

    def environment(self) -> dict[str, str]:
        dropped = ("PULUMI_", "AIRFLOW_", "AWS_")
        kept = {key: value for key, value in os.environ.items() if not key.startswith(dropped)}
        endpoint = self.endpoint or "http://127.0.0.1:9"  # the port that discards: whoever calls AWS fails at once
        return kept | dict(self.credentials) | {
            "PATH": f"{self._own / 'bin'}:{os.environ['PATH']}",
            "AWS_ENDPOINT_URL": endpoint,
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_CONFIG_FILE": str(self._own / "no-config"),
            "AWS_SHARED_CREDENTIALS_FILE": str(self._own / "no-credentials"),
            "NO_PROXY": "*",
            "PULUMI_HOME": str(self._own / "home"),
            "PULUMI_BACKEND_URL": f"file://{self._own / 'state'}",
            "PULUMI_CONFIG_PASSPHRASE": "of-a-test",
            "PULUMI_SKIP_UPDATE_CHECK": "true",
            "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
        }  # fmt: skip

    def run(self, *arguments: str, timeout: float = 600) -> Finished:
        command = ["pulumi", *arguments, "--stack", self.stack, "--non-interactive", "--color=never"]
        result = subprocess.run(
            command, cwd=self.program, env=self.environment(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, check=False, timeout=timeout,
        )  # fmt: skip
        return Finished(" ".join(command), result.returncode, result.stdout)

    def configure(self, config: Mapping[str, Any]) -> None:
        """Write the stack file; the keys carry their namespaces."""
        file = self.program / f"Pulumi.{self.stack}.yaml"
        salt = yaml.safe_load(file.read_text()).get("encryptionsalt") if file.exists() else None
        salted = {"encryptionsalt": salt} if salt else {}
        file.write_text(yaml.safe_dump({**salted, "config": dict(config)}))

    def init(self) -> None:
        self.run("stack", "init").check()

    def up(self, *options: str) -> dict[str, str]:
        """Update, and say what it has done to which resource: operation by type and name."""
        return touched(self.run("up", "--yes", "--skip-preview", "--json", *options).check().output)

    def preview(self) -> dict[str, str]:
        return touched(self.run("preview", "--json").check().output)

    def refresh(self) -> dict[str, str]:
        return touched(self.run("refresh", "--yes", "--skip-preview", "--json").check().output)

    def destroy(self) -> None:
        self.run("destroy", "--yes", "--skip-preview").check()

    # Read from the file itself: each command of the engine takes seconds.

    @property
    def state_file(self) -> Path:
        project: str = yaml.safe_load((self.program / "Pulumi.yaml").read_text())["name"]
        return self._own / "state" / ".pulumi" / "stacks" / project / f"{self.stack}.json"

    def state(self) -> list[dict[str, Any]]:
        """Resources of the stack; secrets are encrypted."""
        found = json.loads(self.state_file.read_text())["checkpoint"]["latest"] or {}
        return list(found.get("resources", []))

    def outputs(self) -> dict[str, Any]:
        """Of the stack; secrets are encrypted."""
        return next(dict(one.get("outputs", {})) for one in self.state() if one["type"] == "pulumi:pulumi:Stack")


def touched(output: str) -> dict[str, str]:
    """Operations of the steps in the JSON that the engine prints: one document, or one line an event."""
    found: dict[str, str] = {}
    for step in _steps(output):
        kind, name = step["urn"].split("::")[-2:]
        operation = str(step["op"]).removeprefix("create-").removeprefix("delete-").replace("replacement", "replace")
        if operation in (*CHANGES, "replaced") and kind != "pulumi:pulumi:Stack":
            key = f"{kind.rpartition('$')[2]} {name}"
            found[key] = "replace" if operation == "replaced" else max(found.get(key, ""), operation)
    return found


def _steps(output: str) -> list[dict[str, Any]]:
    start = output.find("{")
    try:
        return list(json.loads(output[start:]).get("steps", []))
    except ValueError:
        steps = []
        for line in output.splitlines():
            if line.startswith("{"):
                event = json.loads(line)
                if metadata := event.get("resOutputsEvent", event.get("resourcePreEvent", {})).get("metadata"):
                    steps.append(metadata)
        return steps
