"""The stand-in behind Pulumi's mocks: a program creates its resources in moto without the engine, in this process.

Nothing is compared, updated or deleted: that is the engine's part.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pulumi
from moto import mock_aws

from aws import gaps
from aws.standin import StandIn
from aws.translate.kind import Aws
from aws.wire import opened, secret

Made = tuple[str, str, dict[str, Any]]


class MotoMocks(pulumi.runtime.Mocks):
    """Resources of AWS go to moto, random values follow from their names, ``others`` makes the rest.

    ``others`` gets a resource's type, name and inputs, and returns its outputs.
    """

    def __init__(self, region: str, others: Callable[[str, str, dict[str, Any]], dict[str, Any]] | None = None) -> None:
        self.standin = StandIn(region)
        self.made: dict[str, Made] = {}
        """Type, id and outputs by type and name."""
        self._others = others or (lambda _type, _name, inputs: inputs)

    def call(self, args: pulumi.runtime.MockCallArgs) -> tuple[dict[str, Any], None]:
        raise AssertionError(f"{args.token}: the program calls a function of a provider")

    def new_resource(self, args: pulumi.runtime.MockResourceArgs) -> tuple[str | None, dict[str, Any]]:
        inputs = {key: opened(value) for key, value in args.inputs.items()}
        secrets = {key for key, value in args.inputs.items() if secret(value)}
        if args.typ == "pulumi:providers:aws":
            tags = inputs.get("defaultTags") or "{}"
            self.standin.default_tags.update((json.loads(tags) if isinstance(tags, str) else tags).get("tags", {}))
            return f"{args.name}-id", inputs
        if args.typ.startswith("random:"):
            return f"{args.name}-id", inputs | _random(args.name)
        if not args.typ.startswith("aws:"):
            return f"{args.name}-id", self._others(args.typ, args.name, inputs)
        checked = self.standin.checked(args.typ, args.name, args.name.encode(), {}, inputs)
        identifier, outputs = self.standin.create(args.typ, args.name, checked)
        self.made[f"{args.typ} {args.name}"] = args.typ, identifier, outputs
        hidden = secrets | set(self.standin.kind(args.typ).secret)
        return identifier, {
            key: pulumi.Output.secret(value) if key in hidden else value for key, value in outputs.items()
        }


def _random(name: str) -> dict[str, Any]:
    digest = hashlib.sha256(name.encode())
    values = {"result": digest.hexdigest()[:32], "base64": base64.b64encode(digest.digest()).decode()}
    return {key: pulumi.Output.secret(value) for key, value in values.items()} | {"hex": digest.hexdigest()[:16]}


@contextmanager
def in_moto(region: str) -> Iterator[Aws]:
    """An AWS in this process, that nobody has used yet."""
    with gaps.filled(), mock_aws():
        yield Aws(region)


def run(program: Callable[[], Any], mocks: MotoMocks, *, project: str = "airflow-stack", stack: str = "prod") -> None:
    """Run a program to its end, and wait for all that it has registered."""
    pulumi.runtime.set_mocks(mocks, project=project, stack=stack, preview=False)
    pulumi.runtime.test(program)()
