"""Docker's engine: whether it answers, what it has, and whether a stack of this machine finds room on it."""

from __future__ import annotations

import shutil
import time
from collections.abc import Collection, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from airflow_stack.airflow import describe
from airflow_stack.airflow.advice import setting
from airflow_stack.backends.containers import Plan, plan
from airflow_stack.backends.images import upstream
from airflow_stack.backends.labels import MANAGED_BY
from airflow_stack.backends.machine import ORIGIN_FILE, Machine, recorded_memory
from airflow_stack.backends.memory import STEP
from airflow_stack.config import LocalConfig
from airflow_stack.errors import OperationError
from airflow_stack.operations import engine_memory, origin, ownership, preflight, recovery
from airflow_stack.operations.docker_engine import client
from airflow_stack.operations.doctor.finding import DOCKER, Finding, Look, missing, ok, size, warning
from airflow_stack.operations.doctor.machine import output, version_in
from airflow_stack.operations.doctor.network import skew
from airflow_stack.operations.doctor.packages import install
from airflow_stack.operations.pulumi_cli import PulumiCli
from airflow_stack.operations.target import Target
from airflow_stack.operations.tools import can_apt_install, find

# Seconds: an engine that starts containers has little time to answer, and is there all the same.
LIMIT = 10.0
MIB = 1024**2
NEEDED = "no stack of this machine comes up, and no image is built for one on AWS"


def docker() -> Iterator[Finding]:
    """Command line and engine."""
    text = output("docker", "--version")
    if text is None:
        cost = "`docker logs` and `docker exec` are not to be had; Debian images need it for their first build"
        yield warning("Docker client", "not installed", cost, install("docker"))
    else:
        yield ok("Docker client", version_in(text))
    if not answers():
        yield _silent()
        return
    before = time.time()
    info = client().info()
    between = (before + time.time()) / 2
    cores = f"{info['NCPU']} CPUs ({info['Architecture']})"
    seen = f"{info['ServerVersion']} on {info['OperatingSystem']}: {cores}, {size(info['MemTotal'])} of memory"
    yield ok("Docker engine", seen)
    yield from _storage(info["Driver"], Path(info["DockerRootDir"]))
    if not info.get("MemoryLimit", True):
        cost = "a container that takes more memory than it may takes it from the others"
        mend = "enable the cgroup: https://docs.docker.com/engine/install/linux-postinstall"
        yield warning("Memory limits", "this engine does not hold containers to them", cost, mend)
    if moment := info.get("SystemTime"):
        # Nanoseconds, of which Python takes six digits.
        told = datetime.fromisoformat(moment[:19] + "+00:00").timestamp() if moment.endswith("Z") else None
        if told is not None:
            ahead = told + 0.5 - between
            yield from skew("Docker's clock", ahead, "against this machine's", "restart Docker, or its virtual machine")


def answers() -> bool:
    """Whether there is an engine to ask: who needs it more says what is wrong with it."""
    try:
        client()
    except OperationError:
        return False
    return True


def room(config: LocalConfig, program: Path, stack: str) -> Iterator[Finding]:
    """Memory and disk for one stack of this machine, by what is checked before it comes up."""
    if not answers():
        return
    planned, machine = _plan(config, program, stack)
    what = f"Room for {stack}"
    problems = [*preflight.memory_problems(planned), *preflight.disk_problems(planned, machine)]
    for problem in problems:
        yield _of_preflight(what, problem)
    if not problems:
        limits = sum(container.memory for container in planned.long_running) * 1024**2
        free = shutil.disk_usage(machine.project if machine.project.exists() else program).free
        yield ok(what, f"its containers may take {size(limits)} of memory; {size(free)} of disk free")
    yield from _memory(config, program, stack)


def _memory(config: LocalConfig, program: Path, stack: str) -> Iterator[Finding]:
    """Limits that were made for another engine, and stacks that may take more than the engine has together."""
    has, recorded = int(client().info()["MemTotal"]) // MIB, recorded_memory(program, stack)
    if config.target.memory is None and recorded is not None and not engine_memory.fits(recorded, has):
        seen = f"limits were made for {size(recorded * MIB)}, and the engine has {size(has * MIB)}"
        cost = "tasks have less room than there is" if has > recorded else "the engine may run out of memory"
        yield warning(f"Memory for {stack}", seen, cost, f"airflow-stack up -s {stack}")
    stacks = ownership.running(ownership.look(config, program, stack))
    may = sum(one.attrs["HostConfig"]["Memory"] for containers in stacks.values() for one in containers) // MIB
    if len(stacks) > 1 and may > has:
        seen = f"{len(stacks)} stacks are up, which may take {size(may * MIB)} together of {size(has * MIB)}"
        cost = "when all of them are busy, the kernel kills whatever is largest on this machine"
        mend = setting(stack, {"target.memory": has // len(stacks) // STEP * STEP})
        yield warning("Memory of all stacks", seen, cost, mend)


def free(config: LocalConfig, given: set[str], program: Path, stack: str) -> Iterator[Finding]:
    """Names, ports and volumes of the stack that is asked for: nobody else has them."""
    if not answers():
        return
    planned, machine = _plan(config, program, stack)
    pulumi = PulumiCli.that_may_know(program, stack)
    found = ownership.look(config, program, stack, pulumi.resource_ids if pulumi else None)
    made = [one.labels[MANAGED_BY] for one in found.ours("container") if MANAGED_BY in one.labels]
    shared = recovery.shared_state(pulumi, found) if pulumi else ""
    problems = [
        *([shared] if shared else []),
        *preflight.name_problems(planned, found, stack, made[0] if made else "pulumi"),
        *preflight.volume_problems(planned, found, machine, stack, given, pulumi),
        *preflight.port_problems(config, planned, found, stack),
    ]
    for problem in problems:
        yield _of_preflight("Names and ports", problem)
    if not problems:
        yield ok("Names and ports", f"free, or this stack's own: {', '.join(map(str, _ports(config)))}")


def looks(config: LocalConfig, program: Path, stack: str, given: Collection[str] | None) -> list[Look]:
    """Whether the stack finds room; of one that was asked for, with the secrets that are ``given``, its names too."""
    found = [Look(DOCKER, f"Room for {stack}", lambda: room(config, program, stack), LIMIT)]
    if given is not None:
        found.append(Look(DOCKER, "Names and ports", lambda: free(config, set(given), program, stack), LIMIT))
    return found


def registry(target: Target[Any, Any]) -> Iterator[Finding]:
    """Whether the engine, which pulls, reaches the registry of the upstream images."""
    if not answers():
        return
    settled, chosen = target.config.target.image_origin, target.image_origin
    image = upstream("airflow", target.config)
    recorded = (target.program / ORIGIN_FILE).exists()
    if origin.reaches_registry(image):
        note = ""
        if settled == "auto" and recorded and chosen == "debian":
            note = f"; images are built on Debian's packages all the same until {ORIGIN_FILE} is removed"
        yield ok("Container registry", f"the engine finds {image}{note}")
        return
    seen = f"the engine does not reach {image}"
    mend = setting(target.stack, {"target.registry": "registry.example.com:5000/mirror"})
    if settled == "registry":
        yield warning("Container registry", seen, "images can't be built anew; those that are there run", mend)
    elif not (find("mmdebstrap") or can_apt_install()):
        cost = "images are built of Debian's packages instead, for which mmdebstrap is missing"
        yield missing("Container registry", seen, cost, install("mmdebstrap"))
    elif settled == "auto" and recorded and chosen == "registry":
        cost = "images were built from it, and can't be built anew; Debian's packages would do"
        yield warning("Container registry", seen, cost, f"rm {ORIGIN_FILE}")
    else:
        cost = "images are built of Debian's packages and PyPI alone, which takes some minutes more the first time"
        yield warning("Container registry", seen, cost, mend)


def _silent() -> Finding:
    """In the words of who would have used it."""
    try:
        client()
    except OperationError as error:
        wrong, _, mend = str(error).partition("\n")
        if find("dockerd") is None and not find("docker"):
            return missing("Docker engine", "not installed", NEEDED, install("docker"))
        return missing("Docker engine", wrong.rstrip("."), NEEDED, mend)
    return ok("Docker engine", "answers by now")


def _storage(driver: str, root: Path) -> Iterator[Finding]:
    where = ""
    if root.exists():  # Docker Desktop's is in a machine of its own
        where = f", {size(shutil.disk_usage(root).free)} free in {root}"
    if driver in ("vfs", "devicemapper"):
        cost = "every layer of an image is a whole copy: builds take minutes and gigabytes more"
        yield warning("Docker storage", f"{driver}{where}", cost, "https://docs.docker.com/engine/storage/drivers")
    else:
        yield ok("Docker storage", f"{driver}{where}")


def _plan(config: LocalConfig, program: Path, stack: str) -> tuple[Plan, Machine]:
    machine = Machine.of(config, program, stack)
    return plan(config, describe(config), machine), machine


def _ports(config: LocalConfig) -> list[int]:
    return sorted(config.published_ports().values())


def _of_preflight(what: str, problem: str) -> Finding:
    """Its problems are two lines: what is wrong, and what mends it."""
    wrong, _, mend = problem.partition("\n  mend: ")
    return missing(what, wrong.rstrip("."), "`up` refuses before it creates anything", mend)
