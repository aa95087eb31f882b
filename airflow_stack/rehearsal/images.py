"""The images of a rehearsal: the stack's own, built for this machine's processor."""

from __future__ import annotations

from pathlib import Path

from airflow_stack.backends.aws.plan import side_containers
from airflow_stack.backends.images import Image, image, project_image, rehearsal_image
from airflow_stack.config import AwsConfig
from airflow_stack.errors import OperationError
from airflow_stack.operations import image_build, origin
from airflow_stack.operations.docker_engine import client
from airflow_stack.operations.image_build import Say

ARCHITECTURES = {"aarch64": "ARM64", "arm64": "ARM64"}
STAND_INS = {
    "cloudwatch-agent": ["python3", "/opt/airflow-stack/statsd.py"],
    "log-router": ["/home/airflow/moto/bin/python", "/opt/airflow-stack/firelens.py"],
}


def prepare(
    config: AwsConfig, program: Path, say: Say
) -> tuple[AwsConfig, dict[str, Image], dict[str, tuple[str, list[str]]]]:
    """The config as this machine can rehearse it, the images, built, and what stands for those that can't be had.

    Raises OperationError for a stack that can't be rehearsed.
    """
    for part in ("database", "broker"):
        if getattr(config, part).kind == "external":
            raise OperationError(
                f"a rehearsal must not touch a server that is in use, and {part}.kind is external.\n"
                f"Rehearse a copy of the stack file without it."
            )
    target = config.target
    here = ARCHITECTURES.get(str(client().info()["Architecture"]), "X86_64")
    if here != target.architecture:
        say(f"this machine's processor is {here}: the image is rehearsed for that, not for {target.architecture}")
    of = origin.recorded(config, program, say)
    if of != target.image_origin:
        say(f"images of origin {target.image_origin} can't be had here: rehearsed with {of}")
    config = config.model_copy(update={"target": target.model_copy(update={"architecture": here, "image_origin": of})})
    images = {
        "project": project_image(config, program),
        "moto": rehearsal_image(config, program),
        "postgres": image("postgres", config, program, of),
    }
    if config.broker.kind == "elasticache":
        images["redis"] = image("redis", config, program, of)
    for one in images.values():
        if not image_build.exists(one.tag):
            say(f"image: {one.tag}")
            image_build.build(one, program, say)
    stand_ins = {}
    if target.metrics.statsd and not _can_pull(side_containers.side_image(config, side_containers.AGENT)):
        say("CloudWatch's agent can't be pulled: a stand-in receives statsd in its place")
        stand_ins["cloudwatch-agent"] = (images["project"].tag, STAND_INS["cloudwatch-agent"])
    if target.logs.firelens:
        # Pulled or not: Fluent Bit speaks to Firehose by TLS alone, and moto has none.
        say("Fluent Bit can't send to moto: a stand-in routes the services' logs in its place")
        stand_ins["log-router"] = (images["moto"].tag, STAND_INS["log-router"])
    return config, images, stand_ins


def _can_pull(name: str) -> bool:
    from docker.errors import DockerException

    if image_build.exists(name):
        return True
    try:
        client().images.pull(name)
    except (DockerException, OSError):
        return False
    return True
