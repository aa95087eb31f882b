"""Deploy a stack against Pulumi's mocks, and keep everything that the program has registered."""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import models
import pulumi
from pulumi.runtime import mocks

from airflow_stack.airflow import describe
from airflow_stack.backends import local
from airflow_stack.backends.containers import Plan, plan
from airflow_stack.backends.machine import Machine
from airflow_stack.config import parse
from airflow_stack.outputs import StackOutputs

PROGRAM = Path(__file__).parents[2]
STACK = "local"


def machine(directory: Path, **facts: Any) -> Machine:
    """A machine that is made up; secrets go below ``directory``."""
    known: dict[str, Any] = {
        "program": PROGRAM,
        "project": Path("/srv/airflow"),
        "secrets": directory / "secrets",
        "uid": 1000,
        "docker_gid": 999,
        "origin": "registry",
    }
    return Machine(**(known | facts))


@dataclass
class Resource:
    """One registered resource: inputs as the engine would get them, and the options that matter."""

    type: str
    name: str
    inputs: dict[str, Any]
    retained: bool
    depends_on: set[str]
    delete_before_replace: bool
    secret_outputs: set[str]
    provider: str = ""
    ignore_changes: tuple[str, ...] = ()
    delete_timeout: float = 0
    """Seconds; 0 for the provider's own."""


@dataclass
class Recorder(pulumi.runtime.Mocks):
    """The providers' part: ids, and random values that follow from the resource's name."""

    resources: list[Resource] = field(default_factory=list)
    calls: list[str] = field(default_factory=list)
    unmade: Collection[str] = ()
    """Names of the resources that are not there yet: a preview knows their inputs alone."""

    def call(self, args: pulumi.runtime.MockCallArgs) -> tuple[dict[str, Any], None]:
        self.calls.append(args.token)
        return {}, None

    def new_resource(self, args: pulumi.runtime.MockResourceArgs) -> tuple[str, dict[str, Any]]:
        state = dict(args.inputs)
        if args.name in self.unmade:
            return f"{args.name}-id", state
        if args.typ == "random:index/randomPassword:RandomPassword":
            state["result"] = pulumi.Output.secret(generated_password(args.name))
        return f"{args.name}-id", state


def generated_password(name: str) -> str:
    """What the mocked pulumi-random makes for a resource of this name."""
    return hashlib.sha256(name.encode()).hexdigest()[:32]


class RecordingMonitor(mocks.MockMonitor):
    """The engine's part: it sees the resources' options too."""

    mocks: Recorder

    def RegisterResource(self, request: Any) -> Any:  # noqa: N802 - the protocol's name
        if request.type != "pulumi:pulumi:Stack":
            self.mocks.resources.append(
                Resource(
                    request.type,
                    request.name,
                    plain(pulumi.runtime.rpc.deserialize_properties(request.object)),
                    request.retainOnDelete,
                    {urn.rpartition("::")[2] for urn in request.dependencies},
                    request.deleteBeforeReplace,
                    set(request.additionalSecretOutputs),
                    request.provider,
                    tuple(request.ignoreChanges),
                    _seconds(request.customTimeouts.delete),
                )
            )
        return super().RegisterResource(request)


def _seconds(text: str) -> float:
    """Of ``90s``, ``30m`` and ``""``, as programs write them."""
    return float(text[:-1]) * {"s": 1, "m": 60, "h": 3600}[text[-1]] if text else 0


def plain(value: Any) -> Any:
    """Marks secrets so that a test sees them: ``{"secret": value}``."""
    if isinstance(value, dict):
        if pulumi.runtime.rpc._special_sig_key in value:
            return {"secret": plain(value["value"])}
        return {key: plain(inner) for key, inner in value.items()}
    return [plain(inner) for inner in value] if isinstance(value, list) else value


@dataclass
class Deployed:
    """What a program has registered, what it returned, and what it was made from."""

    resources: list[Resource]
    plan: Plan
    machine: Machine
    outputs: StackOutputs
    created: list[Plan]
    resolved: dict[str, Any]
    """Value and secrecy of the outputs by name."""

    def of(self, type_: str) -> dict[str, Resource]:
        """Resources of a type by name."""
        return {resource.name: resource for resource in self.resources if resource.type == type_}

    @property
    def containers(self) -> dict[str, dict[str, Any]]:
        """Inputs of the containers, by service."""
        found = self.of("docker:index/container:Container")
        return {name.removeprefix("airflow-"): resource.inputs for name, resource in found.items()}


def deploy(
    raw: dict[str, Any],
    on: Machine,
    given: dict[str, str] | None = None,
    *,
    preview: bool = False,
    unmade: Collection[str] = (),
) -> Deployed:
    """Run the program's resources for this config and these secrets."""
    given = given or {}
    found, secrets = parse(raw | given, set(given), STACK)
    config = models.local(found)
    planned = plan(config, describe(config), on)
    recorder = Recorder(unmade=unmade)
    pulumi.runtime.set_mocks(
        recorder, project="airflow-stack", stack=STACK, preview=preview, monitor=RecordingMonitor(recorder)
    )
    deployed = Deployed(recorder.resources, planned, on, None, [], {})  # type: ignore[arg-type]

    @pulumi.runtime.test
    def program() -> Any:
        deployed.outputs = local.deploy(config, secrets, planned, on, STACK, created=deployed.created.append)
        exports = deployed.outputs.exports()

        async def resolve() -> None:
            for name, value in exports.items():
                output = pulumi.Output.from_input(value)
                deployed.resolved[name] = (await output.future(), await output.is_secret())

        return pulumi.Output.from_input(resolve())

    program()
    assert not recorder.calls, "a provider's function was called, which a preview without Docker can't"
    return deployed
