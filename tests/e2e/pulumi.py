"""Pulumi's own commands on a stack that `airflow-stack up` has made: with its state, its passphrase, its salt."""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass
from typing import Any

import yaml

from e2e.session import Finished
from e2e.stack import Stack


@dataclass(frozen=True)
class Preview:
    """What `pulumi preview` says that an update would do."""

    steps: list[dict[str, Any]]

    @property
    def touched(self) -> dict[str, str]:
        """Operation (create, update, replace, delete) of each resource that does not stay as it is, by its name."""
        operations = {}
        for step in self.steps:
            kind, name = step["urn"].split("::")[-2:]
            if step["op"] in ("create", "update", "replace", "delete") and kind != "pulumi:pulumi:Stack":
                operations[f"{kind.rpartition(':')[2]} {name}"] = step["op"]
        return operations

    @property
    def containers(self) -> dict[str, str]:
        """Operation on each container that is touched, by service."""
        prefix = "Container airflow-"
        return {key.removeprefix(prefix): op for key, op in self.touched.items() if key.startswith(prefix)}


class Pulumi:
    """The engine, on one stack."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack

    def environment(self) -> dict[str, str]:
        state = self.stack.program / ".airflow-stack"
        return self.stack.environment() | {
            "PULUMI_BACKEND_URL": f"file://{state / 'pulumi-state'}",
            "PULUMI_CONFIG_PASSPHRASE_FILE": str(state / "passphrase"),
        }

    def run(self, *arguments: str, config: bool = False) -> Finished:
        """One command; ``config`` for those that read the stack file."""
        options = ["--stack", self.stack.name, "--non-interactive", "--color=never"]
        if config:
            options += ["--config-file", self._config_file()]
        return self.stack.run(["pulumi", *arguments, *options], self.environment())

    def preview(self) -> Preview:
        """What an update to the stack file as it is now would do."""
        # Not by run(): diagnostics on the other stream would stand in the JSON.
        result = subprocess.run(
            ["pulumi", "preview", "--json", "--stack", self.stack.name, "--config-file", self._config_file()],
            cwd=self.stack.program, env=self.environment(), capture_output=True, text=True, check=False, timeout=120,
        )  # fmt: skip
        assert result.returncode == 0, result.stdout + result.stderr
        return Preview(json.loads(result.stdout)["steps"])

    def outputs(self) -> dict[str, Any]:
        found = self.run("stack", "output", "--json", "--show-secrets").check().output
        return dict(json.loads(found))

    def encrypted(self, value: str) -> str:
        """A value as `pulumi config set --secret` writes it into the stack file."""
        self.run("config", "set", "--secret", "airflow-stack:for_a_test", value, config=True).check()
        text = (self.stack.state / self.stack.file.name).read_text()
        return str(yaml.safe_load(text)["config"]["airflow-stack:for_a_test"]["secure"])

    def _config_file(self) -> str:
        """As `airflow-stack up` calls Pulumi: a copy of the stack file, with the salt of this machine's passphrase."""
        copy = self.stack.state / self.stack.file.name
        salt = (self.stack.state / "encryptionsalt").read_text()
        copy.write_text(f"encryptionsalt: {salt}\n{self.stack.file.read_text()}")
        return str(copy)
