"""Build the images of a plan that are not there yet. A tag is a hash of what goes in: what is there is right."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable
from pathlib import Path

from docker.errors import APIError, BuildError, ImageNotFound

from airflow_stack.backends.containers import Plan
from airflow_stack.backends.images import DEBIAN_ROOT, Image
from airflow_stack.backends.machine import Machine
from airflow_stack.errors import OperationError
from airflow_stack.operations.docker_engine import client
from airflow_stack.operations.tools import apt_install, can_apt_install, find

Say = Callable[[str], None]

# Lines of a failed build that are shown; the cause stands in the last ones.
TAIL = 15


def ensure(plan: Plan, machine: Machine, say: Say) -> None:
    """Build what is missing, base first, and say each step."""
    missing = [image for image in plan.images.values() if not _exists(image.tag)]
    for number, image in enumerate(missing, 1):
        say(f"image {number} of {len(missing)}: {image.tag}")
        if image.base is not None and not _exists(image.base.tag):
            if not _exists(DEBIAN_ROOT):
                _debian_root(machine, say)
            _build(image.base, say)
        _build(image, say)


def _exists(tag: str) -> bool:
    try:
        client().images.get(tag)
    except ImageNotFound:
        return False
    return True


def _debian_root(machine: Machine, say: Say) -> None:
    if find("mmdebstrap") is None:
        if not can_apt_install():
            raise OperationError(
                "images of origin debian need mmdebstrap, which is not installed.\n"
                "On Debian or Ubuntu: sudo apt-get install mmdebstrap"
            )
        say("installing mmdebstrap")
        apt_install("mmdebstrap")
    say(f"Debian root file system: {DEBIAN_ROOT}")
    script = machine.program / "images" / "debian" / "rootfs"
    result = subprocess.run([str(script), DEBIAN_ROOT], capture_output=True, text=True, check=False)
    if result.returncode != 0:
        raise OperationError(f"the Debian root file system could not be made:\n{_tail(result.stderr)}")


def _build(image: Image, say: Say) -> None:
    context = Path(image.context)
    log: list[str] = []
    try:
        stream = client().api.build(
            path=str(context), tag=image.tag, buildargs=image.args, rm=True, forcerm=True,
            decode=True,
        )  # fmt: skip
        for event in stream:
            if "error" in event:
                raise OperationError(_failure(image, log, str(event["error"])))
            text = str(event.get("stream", "")).rstrip()
            log += text.splitlines()
            if step := re.match(r"Step \d+/\d+ : RUN .{0,60}", text):  # the others take no time
                say(f"  {image.name}: {step[0]}")
    except (APIError, BuildError) as error:
        raise OperationError(_failure(image, log, str(error))) from None


def _failure(image: Image, log: list[str], error: str) -> str:
    return (
        f"image {image.name} could not be built: {error}\n{_tail(chr(10).join(log))}\n"
        "What was running goes on running. Check airflow.extra_requirements and airflow.extra_apt_packages, or the"
        " network, and run the same command again."
    )


def _tail(text: str) -> str:
    return "\n".join(f"  | {line}" for line in text.strip().splitlines()[-TAIL:])
