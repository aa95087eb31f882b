"""Run a part of the AWS backend against Pulumi's mocks, and keep what it has registered."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import Any

import pulumi

from airflow_stack.airflow import describe
from airflow_stack.backends.aws.plan import AwsPlan, aws_plan
from airflow_stack.config import AwsConfig
from backends.recorder import Recorder, RecordingMonitor, Resource

ACCOUNT = "123456789012"
REGION = "eu-central-1"

SMALLEST: dict[str, Any] = {
    "target": {
        "kind": "aws",
        "region": REGION,
        "load_balancer": {"allowed_cidrs": ["203.0.113.0/24"], "plain_http": True},
    }
}
"""The least that a stack on AWS has to say."""


def config(target: dict[str, Any] | None = None, **sections: Any) -> AwsConfig:
    """A stack on AWS: the smallest one, with these keys of its target and these other sections."""
    return AwsConfig.model_validate({"target": SMALLEST["target"] | (target or {})} | sections)


def planned(stack: AwsConfig) -> AwsPlan:
    """The plan of this stack."""
    return aws_plan(stack, describe(stack))


@dataclass
class AwsRecorder(Recorder):
    """Knows what AWS makes up: ARNs, addresses, URLs."""

    types: list[str] = field(default_factory=list)

    def new_resource(self, args: pulumi.runtime.MockResourceArgs) -> tuple[str, dict[str, Any]]:
        identifier, state = super().new_resource(args)
        if args.name in self.unmade:
            return identifier, state
        if args.typ == "random:index/randomId:RandomId":
            return identifier, {"hex": "0123abcd"} | state
        if args.typ.endswith(":PushedImage"):
            digest = f"sha256:{'0' * 64}"
            return identifier, state | {"digest": digest, "reference": f"{state['repository_url']}@{digest}"}
        if not args.typ.startswith("aws:"):
            return identifier, state
        service = args.typ.split(":")[1].split("/")[0]
        arn = f"arn:aws:{service}:{REGION}:{ACCOUNT}:{args.name}"
        made_up = {
            "arn": arn,
            "name": args.name,
            "url": f"https://{service}.{REGION}.amazonaws.com/{ACCOUNT}/{args.name}",
            "repositoryUrl": f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/{args.name}",
            "dnsName": f"{args.name}.elb.amazonaws.com",
            "zoneId": "ZELB",
            "arnSuffix": f"app/{args.name}/0123456789abcdef",
            "address": f"{args.name}.rds.amazonaws.com",
            "port": 5432,
            "identifier": args.name,
            "primaryEndpointAddress": f"{args.name}.cache.amazonaws.com",
            "bucket": args.name,
            "versionId": f"{args.name}-version",
            "fqdn": f"{args.name}.example.com",
            "domainValidationOptions": [
                {"resourceRecordName": "_x.example.com.", "resourceRecordType": "CNAME",
                 "resourceRecordValue": "_y.acm.aws.", "domainName": "example.com"}
            ],
        }  # fmt: skip
        return identifier, made_up | state


@dataclass
class Recorded:
    """What was registered, and what the tested function has returned."""

    resources: list[Resource]
    result: Any
    calls: list[str]

    def of(self, type_: str) -> dict[str, Resource]:
        """Resources of a type by name."""
        return {resource.name: resource for resource in self.resources if resource.type == type_}

    def one(self, type_: str) -> Resource:
        """The only resource of a type."""
        found = list(self.of(type_).values())
        assert len(found) == 1, f"{len(found)} of {type_}"
        return found[0]


def record(build: Callable[[], Any], *, preview: bool = False, unmade: Collection[str] = ()) -> Recorded:
    """Run ``build`` as a Pulumi program. Outputs of what it returns can be read with `resolved`."""
    recorder = AwsRecorder(unmade=unmade)
    pulumi.runtime.set_mocks(
        recorder, project="airflow-stack", stack="prod", preview=preview, monitor=RecordingMonitor(recorder)
    )
    recorded = Recorded(recorder.resources, None, recorder.calls)

    @pulumi.runtime.test
    def program() -> Any:
        recorded.result = build()

    program()
    assert not recorder.calls, f"calls a function of AWS, which a preview without credentials can't: {recorder.calls}"
    return recorded


def resolved(build: Callable[[], pulumi.Input[Any]]) -> Any:
    """The value of the output that ``build`` returns, under mocks."""
    found: list[Any] = []

    def keep() -> pulumi.Output[None]:
        return pulumi.Output.from_input(build()).apply(found.append)

    recorder = AwsRecorder()
    pulumi.runtime.set_mocks(
        recorder, project="airflow-stack", stack="prod", preview=False, monitor=RecordingMonitor(recorder)
    )
    pulumi.runtime.test(keep)()
    return found[0]
