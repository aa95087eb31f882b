"""The tools of this machine, but for Docker's engine."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path

from airflow_stack.operations.doctor.finding import LIMIT, Finding, missing, ok, warning
from airflow_stack.operations.doctor.packages import install
from airflow_stack.operations.pulumi_cli import VERSION, has_provider, pulumi_command
from airflow_stack.operations.tools import can_apt_install, find

PYTHON = (3, 11)
PROVIDERS = ("docker", "random", "aws")


def python() -> Iterator[Finding]:
    """The interpreter that runs this, and what makes environments."""
    version = ".".join(map(str, sys.version_info[:3]))
    needed = ".".join(map(str, PYTHON))
    if sys.version_info < PYTHON:
        yield missing("Python", version, f"{needed} or later is needed: nothing here runs", install("python3"))
    else:
        yield ok("Python", version)
    if find_spec("venv") is None or find_spec("ensurepip") is None:
        yield missing(
            "Python's venv", "not installed", "`make up` can't create the project's environment",
            install("python3-venv"),
        )  # fmt: skip


def make() -> Iterator[Finding]:
    """GNU make: a shorthand for what the command line does."""
    text = output("make", "--version")
    if text is not None:
        yield ok("make", version_in(text))
    else:
        cost = "`make up` is not to be had; .venv/bin/airflow-stack up -s local does the same once .venv is there"
        yield warning("make", "not installed", cost, install("make"))


def git() -> Iterator[Finding]:
    """Nothing here runs it."""
    text = output("git", "--version")
    if text is not None:
        yield ok("git", version_in(text))
    else:
        yield warning("git", "not installed", "changes of the stack can't be followed or shared", install("git"))


def creators(program: Path, *, by_pulumi_alone: bool) -> Iterator[Finding]:
    """Pulumi and Docker Compose: a stack of this machine needs one of them, a stack on AWS needs Pulumi."""
    pulumi = pulumi_command(program)
    with ThreadPoolExecutor(max_workers=2) as pool:
        plugin = pool.submit(output, "docker", "compose", "version", "--short")
        yield _pulumi(output(pulumi, "version") if pulumi else None, required=by_pulumi_alone)
        compose = plugin.result()
    if compose is None and find("docker-compose"):
        compose = "docker-compose"  # written in Python: it takes a second to say its version
    if by_pulumi_alone:
        return
    if compose is not None:
        yield ok("Docker Compose", version_in(compose))
    elif pulumi or can_apt_install():
        then = "Pulumi creates the containers" if pulumi else "`up` installs it"
        cost = f"nothing as long as {then}; it is what takes over where Pulumi can't be had"
        yield ok("Docker Compose", f"not installed; {cost}")
    else:
        cost = "with neither Pulumi nor Compose nothing creates the containers"
        yield missing("Docker Compose", "not installed", cost, install("docker-compose"))


def _pulumi(text: str | None, *, required: bool) -> Finding:
    if text is None:
        cost = (
            "a stack on AWS is deployed by Pulumi alone"
            if required
            else "the same stack comes up by Docker Compose; `pulumi preview`, and stacks on AWS, are not to be had"
        )
        return (missing if required else warning)("Pulumi", "not installed", cost, install("pulumi"))
    version = version_in(text)
    if version[:1].isdigit() and _numbers(version) < _numbers(VERSION):
        cost = f"this program's SDK is {VERSION}: an older engine may not understand it"
        return warning("Pulumi", version, cost, f"curl -fsSL https://get.pulumi.com | sh -s -- --version {VERSION}")
    return ok("Pulumi", version if version == VERSION else f"{version} (this program's SDK: {VERSION})")


def providers(program: Path, *, aws: bool) -> Iterator[Finding]:
    """Pulumi's plugins, which it fetches itself where it may."""
    if pulumi_command(program) is None:
        return
    there: list[tuple[str, str]] = []
    absent: list[tuple[str, str]] = []
    for name in PROVIDERS if aws else PROVIDERS[:2]:
        version = metadata.version(f"pulumi-{name}")
        (there if has_provider(name, version) else absent).append((name, version))
    if there:
        yield ok("Pulumi providers", ", ".join(f"{name} {version}" for name, version in there))
    for name, version in absent:
        cost = "Pulumi fetches it at the first up or preview, which fails without a network"
        if name != "aws":
            cost += "; then the same stack comes up by Docker Compose"
        yield warning(
            f"Pulumi provider {name}", f"{version} not installed", cost,
            f"pulumi plugin install resource {name} {version}",
        )  # fmt: skip


def output(*command: str) -> str | None:
    """What a command prints; nothing where it takes too long. None where it is not installed, or fails."""
    path = find(command[0])
    if path is None:
        return None
    try:
        result = subprocess.run(
            [path, *command[1:]], capture_output=True, text=True, check=False, timeout=LIMIT - 0.5,
            stdin=subprocess.DEVNULL, env=os.environ | {"PULUMI_SKIP_UPDATE_CHECK": "true"},
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return ""
    except OSError:
        return None
    return result.stdout if result.returncode == 0 else None


def version_in(text: str) -> str:
    """The first version number in a text, else its first word, else that it has none."""
    found = re.search(r"\d+(\.\d+)+", text)
    return found[0] if found else (text.split() or ["installed; it did not say its version in time"])[0]


def _numbers(version: str) -> list[int]:
    return [int(part) for part in re.findall(r"\d+", version)]
