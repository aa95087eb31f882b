"""Build the stack's image for AWS's processor and push it to ECR, where its tag is not there yet."""

from __future__ import annotations

import base64
import dataclasses
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError
from docker.errors import DockerException

from airflow_stack.backends.images import Image
from airflow_stack.errors import OperationError
from airflow_stack.operations import image_build
from airflow_stack.operations.docker_engine import client
from airflow_stack.operations.image_build import Say

if TYPE_CHECKING:
    from mypy_boto3_ecr import ECRClient

# What the engine's `uname -m` says, by Docker's name.
MACHINES = {"linux/amd64": ("x86_64", "amd64"), "linux/arm64": ("aarch64", "arm64")}
QEMU = {"linux/amd64": "qemu-x86_64", "linux/arm64": "qemu-aarch64"}
ARCHITECTURES = {"linux/amd64": "X86_64", "linux/arm64": "ARM64"}
BINFMT = Path("/proc/sys/fs/binfmt_misc")
EXEC_FORMAT_ERROR = "exec format error"

# Pulumi shows what a provider prints.
SAY: Say = partial(print, flush=True)


def push(inputs: Mapping[str, Any], say: Say = SAY) -> str:
    """Digest of the image in the repository, as ``sha256:…``.

    ``inputs`` are those of a `PushedImage`. Docker is asked only where the tag is not there yet. Raises OperationError
    when AWS refuses, and when Docker is missing, can't build for the processor, or fails.
    """
    url, tag, platform = inputs["repository_url"], inputs["tag"], inputs["platform"]
    repository = str(url).partition("/")[2]
    with _aws_errors(url):
        ecr = boto3.client("ecr", region_name=inputs["region"])
        digest = _digest(ecr, repository, tag)
        if digest is not None:
            return digest
    local = _built(Image.of(inputs["image"]), Path(inputs["program"]), platform, say)
    with _aws_errors(url):
        credentials = _credentials(ecr)
    say(f"pushing {url}:{tag}")
    error = _push(local, url, tag, credentials)
    with _aws_errors(url):
        # Also after an error: another update may have pushed the same content meanwhile, and tags are immutable.
        digest = _digest(ecr, repository, tag)
    if digest is None:
        raise OperationError(
            f"the image could not be pushed to {url}: {error or 'ECR does not list it'}\n"
            "What was running goes on running. Run the same command again when it is mended."
        )
    return digest


def _digest(ecr: ECRClient, repository: str, tag: str) -> str | None:
    try:
        found = ecr.describe_images(repositoryName=repository, imageIds=[{"imageTag": tag}])
    except ecr.exceptions.ImageNotFoundException:
        return None
    return found["imageDetails"][0].get("imageDigest")


def _credentials(ecr: ECRClient) -> dict[str, str]:
    """User and password of the registry; the password lasts twelve hours."""
    token = ecr.get_authorization_token()["authorizationData"][0]["authorizationToken"]
    username, _, password = base64.b64decode(token).decode().partition(":")
    return {"username": username, "password": password}


@contextmanager
def _aws_errors(url: str) -> Iterator[None]:
    try:
        yield
    except (BotoCoreError, ClientError) as error:
        raise OperationError(
            f"ECR does not serve {url}: {error}\n"
            "The push takes the credentials of the AWS command line: AWS_PROFILE, AWS_ACCESS_KEY_ID or a role. See who"
            " that is: aws sts get-caller-identity"
        ) from None


def _built(image: Image, program: Path, platform: str, say: Say) -> str:
    """Tag of the image in the engine; built there for this platform where it is not."""
    machine = str(client().info()["Architecture"])
    if machine in MACHINES[platform]:
        if not image_build.exists(image.tag):
            say(f"image: {image.tag}")
            image_build.build(image, program, say, platform)
        return image.tag
    can_emulate(image, machine, platform)
    # Not under the tag of this machine's own image, which its local stacks run.
    foreign = _foreign(image, platform.rpartition("/")[2])
    if not image_build.exists(foreign.tag):
        say(f"image: {foreign.tag}, emulating {platform}")
        try:
            image_build.build(foreign, program, say, platform)
        except OperationError as error:
            if EXEC_FORMAT_ERROR in str(error):
                raise OperationError(_no_emulation(machine, platform)) from None
            raise
        finally:
            # The engine has the base of this processor now under the name that a local stack builds on.
            with suppress(DockerException):
                client().images.remove(_bottom(image).args["BASE"])
    return foreign.tag


def _foreign(image: Image, processor: str) -> Image:
    """The image and what it stands on, for another processor."""
    if image.base is None:
        return dataclasses.replace(image, tag=f"{image.tag}-{processor}")
    base = _foreign(image.base, processor)
    return dataclasses.replace(image, tag=f"{image.tag}-{processor}", base=base, args=image.args | {"BASE": base.tag})


def _bottom(image: Image) -> Image:
    return image if image.base is None else _bottom(image.base)


def can_emulate(image: Image, machine: str, platform: str) -> None:
    if "DEBIAN" in _bottom(image).args:
        raise OperationError(
            f"images of origin debian are built for the machine's own processor, {machine}, and"
            f" target.architecture {ARCHITECTURES[platform]} needs {platform}.\n"
            f"Say target.architecture: {_architecture(machine)}, or target.image_origin: registry, or run this on a"
            f" machine with such a processor."
        )
    # Docker Desktop and an engine on another machine have a kernel of their own, which only a try tells about.
    here = sys.platform == "linux" and os.environ.get("DOCKER_HOST", "unix:").startswith("unix:")
    desktop = "Docker Desktop" in str(client().info().get("OperatingSystem", ""))
    if here and not desktop and not (BINFMT / QEMU[platform]).exists():
        raise OperationError(_no_emulation(machine, platform))


def _no_emulation(machine: str, platform: str) -> str:
    short = platform.rpartition("/")[2]
    return (
        f"this Docker engine runs on {machine}, and target.architecture {ARCHITECTURES[platform]} needs an image for"
        f" {platform}, which it can't emulate.\n"
        f"Let it: docker run --privileged --rm tonistiigi/binfmt --install {short} (Debian: sudo apt-get install"
        f" qemu-user-static), or say target.architecture: {_architecture(machine)}."
    )


def _architecture(machine: str) -> str:
    return next((ARCHITECTURES[platform] for platform, names in MACHINES.items() if machine in names), "X86_64")


def _push(local: str, url: str, tag: str, credentials: dict[str, str]) -> str | None:
    """What the engine says where the push has failed."""
    try:
        client().images.get(local).tag(url, tag)
        for event in client().images.push(url, tag=tag, auth_config=credentials, stream=True, decode=True):
            if "error" in event:
                return str(event["error"])
    except (DockerException, OSError) as error:
        return str(error)
    finally:
        # The name in the registry; the image stays under its own.
        with suppress(DockerException):
            client().images.remove(f"{url}:{tag}")
    return None
