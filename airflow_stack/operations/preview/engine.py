"""`pulumi preview` of one stack: against its state, or with one that is thrown away. Nothing of a user's is written."""

from __future__ import annotations

import os
import secrets
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from airflow_stack.config.errors import NAMESPACE
from airflow_stack.config.problems import secret_example
from airflow_stack.config.secrets import SECRET_KEYS
from airflow_stack.errors import OperationError
from airflow_stack.operations.preview.events import Plan, parse, plain
from airflow_stack.operations.pulumi_cli import PulumiCli

# The backend and passphrase of the user, and credentials: a preview that compares commits has no use for them.
WITHHELD = ("PULUMI_ACCESS_TOKEN", "PULUMI_BACKEND_URL", "PULUMI_CONFIG_PASSPHRASE", "PULUMI_STACK", "AWS_")
STAND_IN = "stand-in-for-a-secret"


class Deployed(PulumiCli):
    """The stack as it is deployed."""

    def preview(self, pack: Path | None) -> Plan:
        """What an update would do. Neither state nor lock is written."""
        return parse(_preview(self.command, self.program, self.environment, self._stack_options(), pack))


class Fresh:
    """A stack that nobody has deployed: a project of its own in a temporary directory, which runs this program."""

    def __init__(self, command: str, program: Path, stack: str, virtualenv: Path, directory: Path) -> None:
        self.stand_ins: list[str] = []
        """Secrets whose values only the stack's own passphrase opens."""
        self._command, self._program, self._stack, self._directory = command, program, stack, directory
        state = directory / "state"
        state.mkdir(parents=True)
        kept = {key: value for key, value in os.environ.items() if not key.startswith(WITHHELD)}
        self._environment = kept | {
            "PULUMI_BACKEND_URL": f"file://{state}",
            "PULUMI_CONFIG_PASSPHRASE": secrets.token_urlsafe(),
            "PULUMI_SKIP_UPDATE_CHECK": "true",
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_CONFIG_FILE": str(directory / "no-config"),
            "AWS_SHARED_CREDENTIALS_FILE": str(directory / "no-credentials"),
            # The program at another commit brings its own package along.
            "PYTHONPATH": str(program),
        }
        project = yaml.safe_load((program / "Pulumi.yaml").read_text(encoding="utf-8"))
        runtime = {"name": "python", "options": {"virtualenv": str(virtualenv)}}
        self._write("Pulumi.yaml", project | {"main": str(program), "runtime": runtime})
        self._configure()

    def preview(self, pack: Path | None) -> str:
        """The engine's events."""
        return _preview(self._command, self._directory, self._environment, ["--stack", self._stack], pack)

    def _configure(self) -> None:
        text = (self._program / f"Pulumi.{self._stack}.yaml").read_text(encoding="utf-8")
        config: dict[str, Any] = (yaml.safe_load(text) or {}).get("config") or {}
        self.stand_ins = [key for key, value in config.items() if isinstance(value, dict) and set(value) == {"secure"}]
        self._write(
            f"Pulumi.{self._stack}.yaml",
            {"config": {key: value for key, value in config.items() if key not in self.stand_ins}},
        )
        self._pulumi("stack", "init", self._stack)
        if self.stand_ins:
            pairs = [word for key in self.stand_ins for word in ("--secret", f"{key}={_stand_in(key)}")]
            self._pulumi("config", "set-all", "--stack", self._stack, *pairs)

    def _write(self, name: str, document: dict[str, Any]) -> None:
        (self._directory / name).write_text(yaml.safe_dump(document), encoding="utf-8")

    def _pulumi(self, *arguments: str) -> None:
        result = subprocess.run(
            [self._command, *arguments, "--non-interactive"], cwd=self._directory, env=self._environment,
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        if result.returncode != 0:
            raise OperationError(f"pulumi {' '.join(arguments[:2])} failed: {result.stderr.strip()}")


def fresh_plan(command: str, program: Path, stack: str, here: Path, pack: Path | None) -> tuple[Plan, list[str]]:
    """What the program, at whatever commit it is, asks for; and the secrets for which there were stand-ins.

    ``here`` is the user's own copy of it, which has the virtual environment. Paths are told as if it were there.
    """
    with tempfile.TemporaryDirectory(prefix="airflow-stack-preview-") as directory:
        fresh = Fresh(command, program, stack, here / ".venv", Path(directory) / "project")
        return parse(fresh.preview(pack).replace(str(program), str(here))), fresh.stand_ins


def _preview(command: str, cwd: Path, environment: Mapping[str, str], options: list[str], pack: Path | None) -> str:
    packs = ["--policy-pack", str(pack)] if pack else []
    result = subprocess.run(
        [command, "preview", "--json", "--non-interactive", "--color=never", *options, *packs],
        cwd=cwd, env=dict(environment) | {"PULUMI_ENABLE_STREAMING_JSON_PREVIEW": "true"},
        stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if result.returncode != 0 and '"summaryEvent"' not in result.stdout and '"severity":"error"' not in result.stdout:
        said = plain(result.stderr) or "it said nothing"
        raise OperationError(f"pulumi preview failed: {said}")
    return result.stdout


def _stand_in(key: str) -> str:
    name = key.removeprefix(f"{NAMESPACE}:")
    return (secret_example(name) if name in SECRET_KEYS else "") or STAND_IN
