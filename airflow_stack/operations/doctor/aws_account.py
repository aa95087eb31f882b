"""What a stack on AWS needs of this machine: credentials, a way into containers, and the tasks' processor."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from airflow_stack.backends.images import project_image
from airflow_stack.config import AwsConfig
from airflow_stack.errors import OperationError
from airflow_stack.operations.aws_client import client, plain_errors
from airflow_stack.operations.doctor.finding import AWS, Finding, Look, State, ok, warning
from airflow_stack.operations.doctor.packages import install
from airflow_stack.operations.tools import find


def looks(config: AwsConfig, program: Path, *, required: bool) -> list[Look]:
    """``required``: this stack is what was asked for."""
    return [
        Look(AWS, "AWS credentials", lambda: credentials(config.target.region, required=required)),
        Look(AWS, "Session Manager plugin", lambda: session_plugin(config)),
        Look(AWS, "Processor", lambda: emulation(config, program)),
    ]


def credentials(region: str, *, required: bool) -> Iterator[Finding]:
    """Whose they are, and whether AWS takes them. ``required``: a stack on AWS is what was asked for."""
    try:
        with plain_errors(region):
            identity = client("sts", region).get_caller_identity()
    except OperationError as error:
        wrong = str(error).partition("\n")[0].rstrip(".")
        yield Finding(
            "AWS credentials", State.MISSING if required else State.WARNING, wrong,
            "`pulumi preview` works all the same; a stack on AWS is neither deployed nor operated",
            "aws sso login",
        )  # fmt: skip
        return
    who = str(identity["Arn"]).rpartition(":")[2]
    yield ok("AWS credentials", f"account {identity['Account']}, {who}, in {region}")


def session_plugin(config: AwsConfig) -> Iterator[Finding]:
    """What the AWS command line opens a shell with."""
    what = "Session Manager plugin"
    if find("session-manager-plugin"):
        yield ok(what, "installed")
    elif config.target.exec:
        cost = "no shell in a container: airflow-stack shell"
        yield warning(what, "not installed", cost, install("session-manager-plugin"))
    else:
        yield ok(what, "not installed, and not needed: target.exec is false")


def emulation(config: AwsConfig, program: Path) -> Iterator[Finding]:
    """Whether the engine builds for the processor of the tasks."""
    from airflow_stack.operations import registry_push
    from airflow_stack.operations.docker_engine import client as engine

    try:
        machine = str(engine().info()["Architecture"])
    except OperationError:
        return  # the engine's own line says it
    wanted = config.target.architecture
    platform = next(name for name, known in registry_push.ARCHITECTURES.items() if known == wanted)
    what = f"Builds for {wanted}"
    if machine in registry_push.MACHINES[platform]:
        yield ok(what, f"the engine's own processor ({machine})")
        return
    try:
        registry_push.can_emulate(project_image(config, program), machine, platform)
    except OperationError as error:
        short = platform.rpartition("/")[2]
        wrong, _, rest = str(error).partition("\n")
        mend = (
            f"docker run --privileged --rm tonistiigi/binfmt --install {short}" if rest.startswith("Let it") else rest
        )
        yield warning(what, wrong.rstrip("."), "the stack's image is not built, so `pulumi up` fails", mend)
        return
    yield ok(what, f"emulated on {machine}, which takes several times as long")
