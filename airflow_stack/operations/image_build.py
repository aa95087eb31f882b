"""Build the images of a plan that are not there yet. A tag is a hash of what goes in: what is there is right."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from queue import SimpleQueue
from tempfile import TemporaryDirectory
from threading import Thread

from docker.errors import APIError, BuildError, ImageNotFound

from airflow_stack.backends.containers import Plan
from airflow_stack.backends.images import Image
from airflow_stack.backends.machine import Machine
from airflow_stack.errors import OperationError
from airflow_stack.operations.docker_engine import client
from airflow_stack.operations.tools import apt_install, can_apt_install, find

Say = Callable[[str], None]

CACHES = shutil.ignore_patterns("__pycache__")

# Lines of a failed build that are shown; the cause stands in the last ones.
TAIL = 15


def missing(plan: Plan) -> list[Image]:
    """Images of the plan that are still to be built. Each is asked for by its tag: to list all takes Docker long."""
    return [image for image in plan.images.values() if not exists(image.tag)]


def ensure(plan: Plan, machine: Machine, say: Say) -> None:
    """Build what is missing, side by side, since packages are mostly waited for; say each step.

    Raises OperationError for the first that can't be built; the other builds end with this process.
    """
    images = missing(plan)
    if not images:
        return
    say(f"images to build: {', '.join(image.name for image in images)}")
    for root in sorted({root for one in images for image in (one, one.base) if image and (root := _root(image))}):
        _debian_root(root, machine.program, say)
    # What the builds have to say comes here, since Pulumi's log is the main thread's.
    told: SimpleQueue[str | Image | Exception] = SimpleQueue()

    def work(image: Image) -> None:
        try:
            build(image, machine.program, told.put)
        except Exception as error:
            told.put(error)
        else:
            told.put(image)

    for image in images:
        Thread(target=work, args=(image,), daemon=True).start()
    done = 0
    while done < len(images):
        word = told.get()
        if isinstance(word, Exception):
            raise word
        if isinstance(word, Image):
            done += 1
            word = f"image {done} of {len(images)}: {word.tag}"
        say(word)


def build(image: Image, program: Path, say: Say, platform: str | None = None) -> None:
    """Build one image, after its base where that is missing. The engine's own platform by default."""
    if image.base is not None and not exists(image.base.tag):
        build(image.base, program, say, platform)
    if root := _root(image):
        _debian_root(root, program, say)
    _build(image, say, platform)


def exists(tag: str) -> bool:
    """Whether the engine has an image of this tag."""
    try:
        client().images.get(tag)
    except ImageNotFound:
        return False
    return True


def _root(image: Image) -> str:
    """Tag of Debian's root file system that it stands on; empty where it is none."""
    return image.args.get("DEBIAN", "")


def _debian_root(tag: str, program: Path, say: Say) -> None:
    if exists(tag):
        return
    if find("mmdebstrap") is None:
        if not can_apt_install():
            raise OperationError(
                "images of origin debian need mmdebstrap, which is not installed.\n"
                "On Debian or Ubuntu: sudo apt-get install mmdebstrap"
            )
        say("installing mmdebstrap")
        apt_install("mmdebstrap")
    say(f"Debian root file system: {tag}")
    script = program / "images" / "debian" / "rootfs"
    result = subprocess.run([str(script), tag], capture_output=True, text=True, check=False)
    if result.returncode != 0:
        raise OperationError(f"the Debian root file system could not be made:\n{_tail(result.stderr)}")


def _build(image: Image, say: Say, platform: str | None) -> None:
    with TemporaryDirectory(prefix="airflow-stack-") as directory:
        context = Path(directory, "context")
        shutil.copytree(image.context, context, ignore=CACHES)
        for name, folder in image.folders.items():
            shutil.copytree(folder, context / name, ignore=CACHES)
        _build_context(image, context, say, platform)


def _build_context(image: Image, context: Path, say: Say, platform: str | None) -> None:
    log: list[str] = []
    try:
        stream = client().api.build(
            path=str(context), tag=image.tag, buildargs=image.args, rm=True, forcerm=True,
            decode=True, platform=platform,
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
