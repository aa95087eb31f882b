"""Pulumi's command line: found, else installed officially; with a backend and a passphrase where the user has none."""

from __future__ import annotations

import json
import os
import re
import secrets
import signal
import subprocess
import sys
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

from airflow_stack.config.errors import NAMESPACE
from airflow_stack.errors import OperationError, Terminated
from airflow_stack.operations.image_build import Say
from airflow_stack.operations.tools import find

# The SDK's version, so that both sides of the engine's protocol are one release.
VERSION = "3.259.0"
INSTALL_ROOT = Path(".airflow-stack/pulumi-cli")
STATE = Path(".airflow-stack/pulumi-state")
PASSPHRASE = Path(".airflow-stack/passphrase")


def pulumi_command(program: Path) -> str | None:
    """Pulumi on PATH, or where an earlier run has put it."""
    installed = program / INSTALL_ROOT / "bin" / "pulumi"
    return find("pulumi") or (str(installed) if installed.exists() else None)


def has_provider(name: str, version: str) -> bool:
    """Whether Pulumi need not fetch it."""
    home = Path(os.environ.get("PULUMI_HOME", Path.home() / ".pulumi"))
    return (home / "plugins" / f"resource-{name}-v{version}").exists() or find(f"pulumi-resource-{name}") is not None


class PulumiCli:
    """Runs Pulumi on one stack of this program."""

    def __init__(self, command: str, program: Path, stack: str) -> None:
        self.command = command
        self.program = program
        self.stack = stack
        self.environment = _environment(program)

    @classmethod
    def find(cls, program: Path, stack: str, say: Say | None = None) -> PulumiCli | None:
        """Pulumi on PATH or where an earlier run has put it; with ``say`` it is installed where there is none."""
        program = program.resolve()
        command = pulumi_command(program)
        if command is None and say is not None:
            say(f"Pulumi is not installed: fetching {VERSION} by its official installer")
            command = _install(program / INSTALL_ROOT)
        return cls(command, program, stack) if command else None

    @classmethod
    def that_may_know(cls, program: Path, stack: str) -> PulumiCli | None:
        """Pulumi, where it is and has a state that may hold the stack; to ask it elsewhere would make one."""
        return cls.find(program, stack) if uses_own_backend() or (program.resolve() / STATE).exists() else None

    def missing_plugin(self) -> str | None:
        """Name and version of a provider that is not there and can't be fetched; None where all are had."""
        for name in ("docker", "random"):
            version = metadata.version(f"pulumi-{name}")
            if has_provider(name, version):
                continue
            command = [self.command, "plugin", "install", "resource", name, version]
            result = subprocess.run(command, env=self.environment, capture_output=True, text=True, check=False)
            if result.returncode != 0:
                return f"{name} {version}"
        return None

    def up(self) -> None:
        """`pulumi up` of a stack of this machine, its progress on the screen. Raises OperationError when it fails."""
        # The program's environment holds the SDK for AWS too, whose provider, hundreds of MB, Pulumi would fetch first.
        # The two that a stack of this machine needs are there: `missing_plugin` has seen to it.
        self.environment["PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION"] = "true"
        self._select()
        self._run(["up", "--yes", "--skip-preview", *self._stack_options()], "pulumi up")

    def destroy(self) -> None:
        """`pulumi destroy`. Retained volumes stay."""
        if self._exists():
            self._run(["destroy", "--yes", "--skip-preview", *self._stack_options()], "pulumi destroy")

    def cancel(self) -> None:
        """`pulumi cancel`: release the stack's lock."""
        self._run(["cancel", "--yes", "--stack", self.stack], "pulumi cancel", quiet=True)

    def forget(self) -> None:
        """Drop the stack's state, and leave alone what it held. Secrets are kept beside it, in files."""
        self._run(["stack", "rm", self.stack, "--yes", "--force", "--preserve-config"], "pulumi stack rm", quiet=True)

    def keeps_state_here(self) -> bool:
        """Whether the state is below this directory."""
        state = self.local_state()
        return state is not None and state.is_relative_to(self.program)

    def resource_ids(self) -> set[str]:
        """Ids of all resources in the stack's state; none where there is no stack yet."""
        if not self._exists():
            return set()
        exported = json.loads(self._capture(["stack", "export", "--stack", self.stack]))
        return {resource["id"] for resource in exported["deployment"].get("resources", []) if "id" in resource}

    def outputs(self) -> dict[str, Any]:
        """The stack's outputs, without secrets; none where there is no stack."""
        if not self._exists():
            return {}
        return dict(json.loads(self._capture(["stack", "output", "--json", "--stack", self.stack])))

    def local_state(self) -> Path | None:
        """Directory of the stack's state, where its backend is one."""
        scheme, _, path = self.environment.get("PULUMI_BACKEND_URL", "").partition("://")
        return (self.program / Path(path).expanduser()).resolve() if scheme == "file" else None

    def set_config(self, values: Mapping[str, object]) -> None:
        """Set keys of the stack file to whole values, in one call. Comments stay, by Pulumi's own editor."""
        document = {
            f"{NAMESPACE}:{key}": {"value": json.dumps(value), "secret": False}
            | ({"objectValue": value} if isinstance(value, dict | list) else {})
            for key, value in values.items()
        }
        self._configure(["set-all", "--json", json.dumps(document)])

    def remove_config(self, key: str) -> None:
        """Remove a key from the stack file."""
        self._configure(["rm", f"{NAMESPACE}:{key}"])

    def set_secret(self, key: str, value: str) -> None:
        """Set a secret, encrypted in the stack file. The value goes by standard input: no process list shows it."""
        self._select()
        stack_file = self.program / f"Pulumi.{self.stack}.yaml"
        text = stack_file.read_text(encoding="utf-8")
        if _salt(text) is None and self._salt_file().exists():
            # Encrypted values need their salt beside them, the one that the stack has been made with.
            end = "" if not text or text.endswith("\n") else "\n"
            salt = self._salt_file().read_text(encoding="utf-8")
            stack_file.write_text(f"{text}{end}encryptionsalt: {salt}\n", encoding="utf-8")
        self._configure(["set", "--secret", f"{NAMESPACE}:{key}"], value)

    def _configure(self, arguments: list[str], standard_input: str = "") -> None:
        self._select()
        command = [self.command, "config", *arguments, "--stack", self.stack, "--non-interactive"]
        result = subprocess.run(
            command, cwd=self.program, env=self.environment, check=False, capture_output=True, text=True,
            input=standard_input,
        )  # fmt: skip
        if result.returncode != 0:
            raise OperationError(f"pulumi config {arguments[0]} failed: {result.stderr.strip()}")

    def _select(self) -> None:
        if self._exists():
            return
        stack_file = self.program / f"Pulumi.{self.stack}.yaml"
        before = stack_file.read_bytes()
        try:
            self._run(["stack", "init", self.stack, "--no-select"], "pulumi stack init", quiet=True)
            after = stack_file.read_text(encoding="utf-8")
        finally:
            if _salt(before.decode("utf-8", "replace")) is None:
                # Pulumi notes the passphrase's salt in the stack file. The passphrase is this machine's, and so
                # is the salt: the file, which is tracked, stays as it was.
                stack_file.write_bytes(before)
        salt = _salt(after)
        if salt and _salt(before.decode("utf-8", "replace")) is None:
            path = self._salt_file()
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(salt, encoding="utf-8")

    def _exists(self) -> bool:
        listed = self._capture(["stack", "ls", "--json"])
        return any(entry["name"].rpartition("/")[2] == self.stack for entry in json.loads(listed or "[]"))

    def _stack_options(self) -> list[str]:
        """The stack, and where its file lacks the salt of this machine's passphrase, a copy that has it."""
        options = ["--stack", self.stack]
        text = (self.program / f"Pulumi.{self.stack}.yaml").read_text(encoding="utf-8")
        if _salt(text) is None and self._salt_file().exists():
            copy = self._salt_file().with_name(f"Pulumi.{self.stack}.yaml")
            salt = self._salt_file().read_text(encoding="utf-8")
            copy.write_text(f"encryptionsalt: {salt}\n{text}", encoding="utf-8")
            options += ["--config-file", str(copy)]
        return options

    def _salt_file(self) -> Path:
        return self.program / ".airflow-stack" / self.stack / "encryptionsalt"

    def _run(self, arguments: list[str], what: str, *, quiet: bool = False) -> None:
        command = [self.command, *arguments, "--non-interactive" if not sys.stdout.isatty() else "--color=auto"]
        errors = subprocess.PIPE if quiet else None
        with subprocess.Popen(
            command, cwd=self.program, env=self.environment, stdout=errors, stderr=errors, text=True
        ) as process:
            try:
                _, stderr = process.communicate()
            except KeyboardInterrupt as interrupt:
                # Ctrl-C reaches Pulumi too, which finishes what it is creating and releases its lock; killed before
                # that, as subprocess.run would, it leaves both. A second Ctrl-C ends this wait.
                if isinstance(interrupt, Terminated):
                    process.send_signal(signal.SIGINT)
                process.wait()
                raise OperationError(
                    f"{what} was interrupted.\nRun the same command again: it finishes what this one has begun."
                ) from None
        if process.returncode != 0:
            detail = f": {stderr.strip()}" if quiet else ""
            raise OperationError(
                f"{what} failed{detail}; the reason stands above. Mend it and run the same command again."
            )

    def _capture(self, arguments: list[str]) -> str:
        result = subprocess.run(
            [self.command, *arguments], cwd=self.program, env=self.environment, check=False, capture_output=True,
            text=True,
        )  # fmt: skip
        if result.returncode != 0:
            raise OperationError(f"pulumi {' '.join(arguments)} failed: {result.stderr.strip()}")
        return result.stdout


def uses_own_backend() -> bool:
    """Whether the user has chosen a Pulumi backend: by environment, or by `pulumi login`."""
    if os.environ.get("PULUMI_BACKEND_URL") or os.environ.get("PULUMI_ACCESS_TOKEN"):
        return True
    home = Path(os.environ.get("PULUMI_HOME", Path.home() / ".pulumi"))
    try:
        return bool(json.loads((home / "credentials.json").read_text(encoding="utf-8")).get("current"))
    except (OSError, ValueError):
        return False


def _environment(program: Path) -> dict[str, str]:
    environment = os.environ | {"PULUMI_SKIP_UPDATE_CHECK": "true"}
    if not uses_own_backend():
        state = program / STATE
        state.mkdir(parents=True, exist_ok=True)
        environment["PULUMI_BACKEND_URL"] = f"file://{state}"
    if "PULUMI_CONFIG_PASSPHRASE" not in environment and "PULUMI_CONFIG_PASSPHRASE_FILE" not in environment:
        path = program / PASSPHRASE
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
                file.write(secrets.token_urlsafe(32))
        environment["PULUMI_CONFIG_PASSPHRASE_FILE"] = str(path)
    return environment


def _install(root: Path) -> str | None:
    from pulumi.automation import PulumiCommand
    from semver import VersionInfo

    try:
        return PulumiCommand.install(root=str(root), version=VersionInfo.parse(VERSION)).command
    except Exception:  # the installer is a download: whatever stops it, there is no CLI
        return None


def _salt(text: str) -> str | None:
    match = re.search(r"^encryptionsalt: *(\S+)", text, re.MULTILINE)
    return match[1] if match else None
