"""One stack of a test: its copy of the project, its stack file, the commands on it, and a look into it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml

from airflow_stack.releases import DEFAULT
from e2e.airflow_api import AirflowApi
from e2e.session import Finished, Session, copy_project, free_port

Config = dict[str, Any]
LABEL = "airflow-stack.stack"
# Of all stacks that name none: `make test-all` sets it to each release in turn.
VERSION = os.environ.get("AIRFLOW_STACK_TEST_VERSION") or DEFAULT
RELEASE: Config = {} if VERSION == DEFAULT else {"airflow": {"version": VERSION}}
# What the engine tells of its resources, written beside what commands print: it does so for its developers alone.
EVENTS = """#!/bin/sh
export PULUMI_DEBUG_COMMANDS=true
case $1 in
    up | destroy | preview) exec {pulumi} "$@" --event-log {folder}/$$.json ;;
    *) exec {pulumi} "$@" ;;
esac
"""
RUN = "import sys; from airflow_stack.cli import main; sys.exit(main())"


def docker(*arguments: str, check: bool = True, timeout: float = 120, given: str | None = None) -> str:
    """Output of the docker command line, both streams; ``given`` is its standard input."""
    result = subprocess.run(
        ["docker", *arguments], input=given, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
        timeout=timeout, errors="replace",
    )  # fmt: skip
    assert result.returncode == 0 or not check, f"docker {' '.join(arguments)}:\n{result.stdout}"
    return result.stdout


def merged(base: Config, change: Config) -> Config:
    """``base`` with the sections of ``change``, key by key."""
    result = dict(base)
    for key, value in change.items():
        old = result.get(key)
        result[key] = {**old, **value} if isinstance(old, dict) and isinstance(value, dict) else value
    return result


class Stack:
    """A local stack with a prefix and ports that no other one has, and a name of its own where none is given."""

    def __init__(
        self, session: Session, directory: Path, config: Config | None = None, *, name: str | None = None
    ) -> None:
        self.session = session
        self.prefix = session.new_name()
        self.name = name or self.prefix
        self.program = copy_project(directory / self.prefix)
        self.port = free_port()
        own = {"target": {"prefix": self.prefix}, "proxy": {"port": self.port}}
        self.config: Config = merged(merged(RELEASE, config or {}), own)
        self.outputs: list[str] = []
        """Everything that the commands on this stack have printed."""
        self.known: dict[str, str] = {}
        """Every secret that the stack has had when a command began or ended, by name."""
        self.write()

    # --- files -------------------------------------------------------------------------------------------------------

    @property
    def file(self) -> Path:
        return self.program / f"Pulumi.{self.name}.yaml"

    @property
    def state(self) -> Path:
        return self.program / ".airflow-stack" / self.name

    @property
    def url(self) -> str:
        return f"http://localhost:{self.port}"

    def write(self, change: Config | None = None) -> None:
        """Write the stack file: the stack's config, and ``change`` for this time only."""
        config = {f"airflow-stack:{key}": value for key, value in merged(self.config, change or {}).items()}
        self.file.write_text(yaml.safe_dump({"config": config}), encoding="utf-8")

    def secrets(self) -> dict[str, str]:
        """Every secret that this machine holds for the stack, by file name: values and what is made of them."""
        files = [path for path in (self.state / "secrets").rglob("*") if path.is_file()]
        found = {str(path.relative_to(self.state / "secrets")): path.read_text() for path in files}
        if (passphrase := self.program / ".airflow-stack" / "passphrase").exists():
            found["passphrase"] = passphrase.read_text()
        return found

    # --- commands ----------------------------------------------------------------------------------------------------

    def environment(self) -> dict[str, str]:
        """Of a user who has neither logged in to Pulumi nor chosen a passphrase."""
        kept = {key: value for key, value in os.environ.items() if not key.startswith(("PULUMI_", "AIRFLOW_"))}
        home = self.program / ".pulumi-home"
        home.mkdir(exist_ok=True)
        plugins = Path(os.environ.get("PULUMI_HOME", Path.home() / ".pulumi")) / "plugins"
        if plugins.is_dir() and not (home / "plugins").exists():
            (home / "plugins").symlink_to(plugins)  # providers are large, and the same for everyone
        if pulumi := shutil.which("pulumi"):
            folder, command = self.program / ".pulumi-events", self.program / ".pulumi-events" / "bin" / "pulumi"
            command.parent.mkdir(parents=True, exist_ok=True)
            command.write_text(EVENTS.format(pulumi=pulumi, folder=folder))
            command.chmod(0o755)
            kept["PATH"] = f"{command.parent}:{kept['PATH']}"
        return kept | {
            "PYTHONPATH": str(self.program),
            "PULUMI_HOME": str(home),
            "PULUMI_SKIP_UPDATE_CHECK": "true",
        }

    def command(self, *arguments: str) -> list[str]:
        """The command line of this copy of the project."""
        return [sys.executable, "-c", RUN, *arguments]

    def run(self, command: list[str], environment: dict[str, str] | None = None, timeout: float = 600) -> Finished:
        """Run a command where the stack's program is, and keep what it prints."""
        log = self.program / f".output-{len(self.outputs)}"
        self.remember()
        result = self.session.run(command, self.program, environment or self.environment(), log, timeout)
        self.outputs.append(result.output)
        self.remember()
        return result

    def remember(self) -> None:
        """Keep the secrets as they are now: one that is changed or deleted afterwards is still in no log."""
        for name, value in self.secrets().items():
            if value not in self.known.values():
                self.known[name if name not in self.known else f"{name}, value {len(self.known)}"] = value

    def cli(self, *arguments: str) -> Finished:
        return self.run(self.command(*arguments))

    def up(self, *, compose: bool = False) -> Finished:
        return self.cli("up", "-s", self.name, *(["--compose"] if compose else [])).check()

    def down(self) -> Finished:
        return self.cli("down", "-s", self.name).check()

    # --- a look into it ----------------------------------------------------------------------------------------------

    def container(self, service: str) -> str:
        return f"{self.prefix}-af-{service}"

    def containers(self) -> dict[str, Any]:
        """`docker inspect` of each container, by service."""
        for _ in range(5):
            names = docker("ps", "--all", "--quiet", "--no-trunc", "--filter", f"label={LABEL}={self.name}").split()
            text = docker("inspect", *names, check=False) if names else "[]"
            if "No such object" not in text:  # removed since it was listed: then what is there is listed again
                break
        own = [entry for entry in json.loads(text) if entry["Name"].startswith(f"/{self.prefix}-")]
        return {entry["Config"]["Labels"]["airflow-stack.service"]: entry for entry in own}

    def listed(self, kind: str) -> list[str]:
        """Names of the stack's networks or volumes."""
        found = docker(kind, "ls", "--filter", f"label={LABEL}={self.name}", "--format", "{{.Name}}")
        return sorted(one for one in found.split() if one.startswith(f"{self.prefix}-"))

    def unhealthy(self) -> list[str]:
        """Services that are not as they should be: running and healthy, or for init, ended well."""
        wrong = []
        for service, entry in self.containers().items():
            state = entry["State"]
            good = (
                state["Status"] == "exited" and state["ExitCode"] == 0
                if service == "init"
                else state.get("Health", {}).get("Status") == "healthy"
            )
            if not good:
                wrong.append(service)
        return sorted(wrong)

    def exec(self, service: str, *command: str, user: str = "", check: bool = True) -> str:
        options = ["--user", user] if user else []
        return docker("exec", *options, self.container(service), *command, check=check)

    def sql(self, query: str, **values: str) -> list[list[str]]:
        """Rows of Airflow's database; ``values`` stand in the query as :'name'."""
        options = [f"--set={name}={value}" for name, value in values.items()]
        # By the socket in the database's container, which asks for no password.
        command = ["psql", "-U", "postgres", "-d", "airflow", "-At", "-F", "\t", "-v", "ON_ERROR_STOP=1", *options]
        text = docker("exec", "--interactive", self.container("postgres"), *command, given=query)
        return [line.split("\t") for line in text.splitlines()]

    def api(self) -> AirflowApi:
        """Airflow through nginx, logged in as the first user."""
        return AirflowApi(self.url, "admin", self.secrets()["values/admin_password"])
