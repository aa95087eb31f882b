"""The push to ECR: moto is the registry's API, and a made-up Docker engine builds and pushes."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
import pytest
from docker.errors import APIError, ImageNotFound
from moto import mock_aws

from airflow_stack.backends.images import SUITE, Image, debian_root
from airflow_stack.errors import OperationError
from airflow_stack.operations import image_build, registry_push
from airflow_stack.operations.docker_engine import client

REGION = "eu-central-1"
URL = f"123456789012.dkr.ecr.{REGION}.amazonaws.com/etl/airflow"
LOCAL = "airflow-stack/project:0123456789ab"
AIRFLOW = "airflow-stack/airflow:2.10.2-0123456789ab"
DEBIAN = "airflow-stack/debian-airflow:bookworm-0123456789ab"
BASE = "apache/airflow:slim-2.10.2-python3.11"
MANIFEST = json.dumps(
    {
        "schemaVersion": 2,
        "mediaType": "application/vnd.docker.distribution.manifest.v2+json",
        "config": {"digest": f"sha256:{'1' * 64}"},
    }
)

Inputs = Callable[..., dict[str, Any]]


@dataclass
class Engine:
    """What is asked of Docker, and what it has."""

    machine: str = "x86_64"
    system: str = "Debian GNU/Linux 12 (bookworm)"
    there: set[str] = field(default_factory=set)
    built: list[tuple[str, str | None]] = field(default_factory=list)
    stands_on: dict[str, str] = field(default_factory=dict)
    """BASE of what was built, by tag."""
    files: dict[str, set[str]] = field(default_factory=dict)
    """The context of what was built, by tag."""
    pushed: list[tuple[str, str, dict[str, str]]] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    build_error: str = ""
    push_error: str = ""
    refuses: bool = False
    """The push ends as an exception."""
    arrives: bool = True
    """What is pushed is in the registry then."""

    @property
    def api(self) -> Engine:
        return self

    @property
    def images(self) -> Engine:
        return self

    def info(self) -> dict[str, str]:
        return {"Architecture": self.machine, "OperatingSystem": self.system}

    def build(
        self, path: str, tag: str, buildargs: dict[str, str], platform: str | None, **_: Any
    ) -> Iterator[dict[str, str]]:
        self.built.append((tag, platform))
        self.stands_on[tag] = buildargs.get("BASE", "")
        self.files[tag] = {file.relative_to(path).as_posix() for file in Path(path).rglob("*") if file.is_file()}
        if self.build_error:
            yield {"error": self.build_error}
        self.there.add(tag)

    def get(self, tag: str) -> Named:
        if tag not in self.there:
            raise ImageNotFound(tag)
        return Named(self)

    def push(self, url: str, tag: str, auth_config: dict[str, str], **_: Any) -> Iterator[dict[str, str]]:
        assert f"{url}:{tag}" in self.there
        self.pushed.append((url, tag, auth_config))
        if self.refuses:
            raise APIError("no such host")
        if self.arrives:
            boto3.client("ecr", REGION).put_image(repositoryName="etl/airflow", imageTag=tag, imageManifest=MANIFEST)
        yield {"status": "Pushing"}
        if self.push_error:
            yield {"error": self.push_error}

    def remove(self, tag: str) -> None:
        self.removed.append(tag)
        self.there.discard(tag)


@dataclass
class Named:
    """An image that gets another name."""

    engine: Engine

    def tag(self, url: str, tag: str) -> None:
        self.engine.there.add(f"{url}:{tag}")


@pytest.fixture(autouse=True)
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """An account with an empty repository."""
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    monkeypatch.delenv("DOCKER_HOST", raising=False)
    with mock_aws():
        boto3.client("ecr", REGION).create_repository(repositoryName="etl/airflow", imageTagMutability="IMMUTABLE")
        yield


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Engine:
    """An engine on an x86_64 machine that emulates nothing."""
    engine = Engine()
    for module in (registry_push, image_build):
        monkeypatch.setattr(module, "client", lambda: engine)
    monkeypatch.setattr(registry_push, "BINFMT", tmp_path)
    return engine


@pytest.fixture
def inputs(tmp_path: Path) -> Inputs:
    """Those of a `PushedImage`, as Pulumi hands them over."""
    (tmp_path / "image").mkdir()
    (tmp_path / "image" / "Dockerfile").touch()
    (tmp_path / "dags").mkdir()
    (tmp_path / "dags" / "a.py").touch()

    def made(platform: str = "linux/amd64", origin: str = "registry") -> dict[str, Any]:
        context = tmp_path / "image"
        debian = Image("debian-airflow", context, DEBIAN, {"DEBIAN": debian_root(SUITE)})
        bottom = debian if origin == "debian" else None
        airflow = Image("airflow", context, AIRFLOW, {"BASE": bottom.tag if bottom else BASE}, bottom)
        image = Image("project", context, LOCAL, {"BASE": AIRFLOW}, airflow, {"project/dags": tmp_path / "dags"})
        return {
            "repository_url": URL,
            "region": REGION,
            "tag": f"0123456789ab-{platform.removeprefix('linux/')}",
            "platform": platform,
            "program": "/srv",
            "image": image.plain(),
            "function": "airflow_stack.operations.registry_push:push",
        }

    return made


def digest(tag: str = "0123456789ab-amd64") -> str:
    """What ECR says of the image."""
    images = boto3.client("ecr", REGION).describe_images(repositoryName="etl/airflow", imageIds=[{"imageTag": tag}])
    return images["imageDetails"][0]["imageDigest"]


def quiet(_: str) -> None:
    """Says nothing."""


def test_the_image_is_built_and_pushed(inputs: Inputs, engine: Engine) -> None:
    """Rule: under this machine's own tag, for its processor; the digest is the registry's."""
    said: list[str] = []
    result = registry_push.push(inputs(), said.append)
    assert result == digest()
    assert result.startswith("sha256:")
    assert engine.built == [(AIRFLOW, "linux/amd64"), (LOCAL, "linux/amd64")]
    assert engine.files[LOCAL] == {"Dockerfile", "project/dags/a.py"}
    assert engine.files[AIRFLOW] == {"Dockerfile"}
    assert [(url, tag) for url, tag, _ in engine.pushed] == [(URL, "0123456789ab-amd64")]
    assert any(LOCAL in line for line in said)
    assert f"pushing {URL}:0123456789ab-amd64" in said


def test_the_password_is_ecrs_and_is_told_to_nobody_else(
    inputs: Inputs, engine: Engine, capfd: pytest.CaptureFixture[str]
) -> None:
    """Rule: the engine gets it for this push; it is in no message, nor in Docker's own configuration."""
    engine.arrives, engine.push_error = False, "denied"
    with pytest.raises(OperationError) as error:
        registry_push.push(inputs())
    ((_, _, credentials),) = engine.pushed
    assert credentials["username"] == "AWS"
    assert credentials["password"]
    printed = "".join(capfd.readouterr())
    assert "pushing" in printed
    assert credentials["password"] not in printed + str(error.value)


def test_an_image_that_is_there_is_not_pushed_again(
    inputs: Inputs, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rule: the tag is the content; neither build nor push, and no Docker is needed."""
    first = registry_push.push(inputs(), quiet)

    def no_docker() -> Engine:
        raise OperationError("Docker does not answer")

    monkeypatch.setattr(registry_push, "client", no_docker)
    assert registry_push.push(inputs(), quiet) == first
    assert len(engine.pushed) == 1


def test_a_local_stacks_image_is_pushed_as_it_is(inputs: Inputs, engine: Engine) -> None:
    """Rule: what was built for this machine is not built again, and keeps its own name alone."""
    engine.there.add(LOCAL)
    registry_push.push(inputs(), quiet)
    assert engine.built == []
    assert engine.there == {LOCAL}


def test_the_bases_are_built_first(inputs: Inputs, engine: Engine) -> None:
    """Rule: what is there is not built again; origin debian needs a machine of the tasks' processor."""
    engine.there.add(debian_root(SUITE))
    registry_push.push(inputs(origin="debian"), quiet)
    assert [tag for tag, _ in engine.built] == [DEBIAN, AIRFLOW, LOCAL]
    engine.there.discard(LOCAL)
    registry_push.push(inputs(origin="debian") | {"tag": "again"}, quiet)
    assert [tag for tag, _ in engine.built] == [DEBIAN, AIRFLOW, LOCAL, LOCAL]


def test_another_processor_is_emulated(inputs: Inputs, engine: Engine, tmp_path: Path) -> None:
    """Rule: under tags of its own, each on the one below, though this machine's are there; the upstream image of that
    processor is not left under the name that a local stack builds on."""
    (tmp_path / "qemu-aarch64").touch()
    engine.there |= {LOCAL, AIRFLOW, BASE}
    registry_push.push(inputs("linux/arm64"), quiet)
    assert engine.built == [(f"{AIRFLOW}-arm64", "linux/arm64"), (f"{LOCAL}-arm64", "linux/arm64")]
    assert engine.stands_on == {f"{AIRFLOW}-arm64": BASE, f"{LOCAL}-arm64": f"{AIRFLOW}-arm64"}
    assert engine.there == {LOCAL, AIRFLOW, f"{AIRFLOW}-arm64", f"{LOCAL}-arm64"}
    registry_push.push(inputs("linux/arm64") | {"tag": "again"}, quiet)
    assert len(engine.built) == 2


@pytest.mark.parametrize(
    ("machine", "platform", "binfmt", "architecture"),
    [("x86_64", "linux/arm64", "--install arm64", "X86_64"), ("aarch64", "linux/amd64", "--install amd64", "ARM64")],
)
def test_no_emulation_is_said_before_the_build(
    inputs: Inputs, engine: Engine, machine: str, platform: str, binfmt: str, architecture: str
) -> None:
    """Rule: with the command that installs it, and the architecture that needs none."""
    engine.machine = machine
    with pytest.raises(OperationError) as error:
        registry_push.push(inputs(platform), quiet)
    assert binfmt in str(error.value)
    assert f"target.architecture: {architecture}" in str(error.value)
    assert platform in str(error.value)
    assert engine.built == []


@pytest.mark.parametrize(
    ("system", "host"), [("Docker Desktop", None), ("Debian GNU/Linux 12 (bookworm)", "tcp://builder:2376")]
)
def test_an_engine_with_a_kernel_of_its_own_is_tried(
    inputs: Inputs, engine: Engine, monkeypatch: pytest.MonkeyPatch, system: str, host: str | None
) -> None:
    """Rule: this machine's kernel says nothing about it; where it can't, the same advice follows."""
    engine.system = system
    if host:
        monkeypatch.setenv("DOCKER_HOST", host)
    engine.build_error = "exec /bin/bash: exec format error"
    with pytest.raises(OperationError, match="--install arm64"):
        registry_push.push(inputs("linux/arm64"), quiet)
    assert BASE in engine.removed
    engine.build_error = ""
    assert registry_push.push(inputs("linux/arm64"), quiet) == digest("0123456789ab-arm64")


def test_debian_is_not_emulated(inputs: Inputs, engine: Engine, tmp_path: Path) -> None:
    """Rule: its root file system is this machine's; the message names all three ways out."""
    (tmp_path / "qemu-aarch64").touch()
    with pytest.raises(OperationError, match="origin debian") as error:
        registry_push.push(inputs("linux/arm64", "debian"), quiet)
    for way in ("target.architecture: X86_64", "target.image_origin: registry", "a machine with such a processor"):
        assert way in str(error.value)
    assert engine.built == []


def test_a_failed_build_says_why(inputs: Inputs, engine: Engine) -> None:
    """Rule: the build's own message, and nothing is pushed."""
    engine.build_error = "no space left on device"
    with pytest.raises(OperationError, match="no space left on device"):
        registry_push.push(inputs(), quiet)
    assert engine.pushed == []


@pytest.mark.parametrize("refuses", [False, True])
def test_a_failed_push_says_why(inputs: Inputs, engine: Engine, refuses: bool) -> None:
    """Rule: what the engine says, and what to do; the name in the registry is not left in the engine."""
    engine.arrives, engine.push_error, engine.refuses = False, "no such host", refuses
    with pytest.raises(OperationError, match="no such host") as error:
        registry_push.push(inputs(), quiet)
    assert "same command again" in str(error.value)
    assert engine.there == {AIRFLOW, LOCAL}


def test_a_push_that_never_arrived_is_an_error(inputs: Inputs, engine: Engine) -> None:
    """Rule: what the registry lists counts, not what the engine believes."""
    engine.arrives = False
    with pytest.raises(OperationError, match="ECR does not list it"):
        registry_push.push(inputs(), quiet)


def test_another_update_may_have_been_faster(inputs: Inputs, engine: Engine) -> None:
    """Rule: an immutable tag refuses the second push of the same content, which is there then."""
    engine.push_error = "tag invalid: the image tag already exists and cannot be overwritten"
    assert registry_push.push(inputs(), quiet) == digest()


def test_docker_that_is_missing_is_said(inputs: Inputs, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rule: one sentence and what to do, no traceback of a library."""
    monkeypatch.setenv("DOCKER_HOST", "unix:///nonexistent/docker.sock")
    client.cache_clear()
    with pytest.raises(OperationError, match="Docker does not answer"):
        registry_push.push(inputs(), quiet)
    client.cache_clear()


def test_what_aws_refuses_is_said(inputs: Inputs, engine: Engine) -> None:
    """Rule: a repository that is not there, a right that is missing: with the repository, and how to see who one is."""
    boto3.client("ecr", REGION).delete_repository(repositoryName="etl/airflow")
    with pytest.raises(OperationError, match="get-caller-identity") as error:
        registry_push.push(inputs(), quiet)
    assert URL in str(error.value)
    assert engine.built == []
