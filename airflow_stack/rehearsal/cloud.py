"""The part of AWS that a rehearsal needs for real: moto, and a program that registers its resources there."""

from __future__ import annotations

import json
import secrets
import string
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import boto3
import pulumi
from botocore.config import Config

if TYPE_CHECKING:
    from airflow_stack.outputs import StackOutputs

# moto's own account. Its keys open nothing: moto takes any.
ACCOUNT = "123456789012"
KEYS = {"AWS_ACCESS_KEY_ID": "rehearsal", "AWS_SECRET_ACCESS_KEY": "rehearsal"}


@dataclass(frozen=True)
class Cloud:
    """moto, as this machine and as the containers reach it."""

    endpoint: str
    region: str

    def client(self, service: str) -> Any:
        """A boto3 client of one service."""
        client: Any = boto3.client  # typed for each service apart
        return client(
            service,
            endpoint_url=self.endpoint,
            region_name=self.region,
            aws_access_key_id=KEYS["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=KEYS["AWS_SECRET_ACCESS_KEY"],
            config=Config(retries={"max_attempts": 10, "mode": "standard"}),
        )


@dataclass(frozen=True)
class Places:
    """What stands for the parts of AWS that are no calls: servers by name, and the image."""

    database: str
    broker: str
    image: str


@dataclass
class RehearsalMocks(pulumi.runtime.Mocks):
    """Creates in moto what the containers will ask for; of the rest, makes up what AWS would answer."""

    cloud: Cloud
    places: Places
    registered: dict[str, int] = field(default_factory=dict)
    """How many resources of each type the program has registered."""

    def call(self, args: pulumi.runtime.MockCallArgs) -> tuple[dict[str, Any], None]:
        raise RuntimeError(f"the program asks AWS while it is deployed: {args.token}")

    def new_resource(self, args: pulumi.runtime.MockResourceArgs) -> tuple[str | None, dict[str, Any]]:
        self.registered[args.typ] = self.registered.get(args.typ, 0) + 1
        make = _REAL.get(args.typ)
        made = make(New(self, args.name, _plain(args.inputs))) if make else {}
        service = args.typ.split(":")[1].split("/")[0]
        arn = f"arn:aws:{service}:{self.cloud.region}:{ACCOUNT}:{args.name}"
        made_up = {"arn": arn, "name": args.name, "dnsName": "localhost", "zoneId": "Z", "arnSuffix": args.name,
                   "domainValidationOptions": [{"resourceRecordName": "x", "resourceRecordType": "CNAME",
                                                "resourceRecordValue": "y", "domainName": "z"}],
                   "repositoryUrl": args.name}  # fmt: skip
        return str(made.get("id", f"{args.name}-id")), made_up | args.inputs | made


@dataclass(frozen=True)
class New:
    """A resource that is to be created."""

    mocks: RehearsalMocks
    name: str
    inputs: dict[str, Any]


def run(mocks: RehearsalMocks, stack: str, deploy: Callable[[], StackOutputs]) -> dict[str, Any]:
    """Run the program with these mocks; returns its exports, resolved."""
    exports: dict[str, Any] = {}
    pulumi.runtime.set_mocks(mocks, project="airflow-stack", stack=stack, preview=False)

    def program() -> pulumi.Output[None]:
        return pulumi.Output.from_input(deploy().exports()).apply(exports.update)

    pulumi.runtime.test(program)()  # type: ignore[no-untyped-call]
    return exports


def _plain(value: Any) -> Any:
    """Secrets as what they hold: Pulumi's mocks hand them over in a wrapping."""
    if isinstance(value, dict):
        if pulumi.runtime.rpc._special_sig_key in value:
            return _plain(value["value"])
        return {key: _plain(inner) for key, inner in value.items()}
    return [_plain(inner) for inner in value] if isinstance(value, list) else value


def _bucket(new: New) -> dict[str, Any]:
    bucket = f"{new.name}-{secrets.token_hex(4)}"
    location = {} if new.mocks.cloud.region == "us-east-1" else {
        "CreateBucketConfiguration": {"LocationConstraint": new.mocks.cloud.region}
    }  # fmt: skip
    new.mocks.cloud.client("s3").create_bucket(Bucket=bucket, **location)
    return {"id": bucket, "bucket": bucket, "arn": f"arn:aws:s3:::{bucket}"}


def _queue(new: New) -> dict[str, Any]:
    sqs = new.mocks.cloud.client("sqs")
    attributes = {
        "VisibilityTimeout": new.inputs.get("visibilityTimeoutSeconds", 30),
        "ReceiveMessageWaitTimeSeconds": new.inputs.get("receiveWaitTimeSeconds", 0),
        "MessageRetentionPeriod": new.inputs.get("messageRetentionSeconds", 345_600),
    }
    url = sqs.create_queue(QueueName=new.name, Attributes={key: str(int(value)) for key, value in attributes.items()})
    return {
        "id": url["QueueUrl"],
        "url": url["QueueUrl"],
        "arn": f"arn:aws:sqs:{new.mocks.cloud.region}:{ACCOUNT}:{new.name}",
    }


def _delivery_stream(new: New) -> dict[str, Any]:
    """moto delivers at once and plain, below its own date and hour: it knows no buffer, no gzip, no timestamps."""
    to = new.inputs["extendedS3Configuration"]
    arn = new.mocks.cloud.client("firehose").create_delivery_stream(
        DeliveryStreamName=new.inputs["name"],
        ExtendedS3DestinationConfiguration={
            "BucketARN": to["bucketArn"],
            "RoleARN": to["roleArn"],
            "Prefix": to["prefix"].partition("!{")[0],
        },
    )["DeliveryStreamARN"]
    return {"id": arn, "arn": arn}


def _secret(new: New) -> dict[str, Any]:
    full = new.inputs.get("name") or f"{new.inputs['namePrefix']}{secrets.token_hex(4)}"
    arn = new.mocks.cloud.client("secretsmanager").create_secret(Name=full)["ARN"]
    return {"id": arn, "arn": arn, "name": full}


def _secret_version(new: New) -> dict[str, Any]:
    value = new.inputs["secretString"]
    made = new.mocks.cloud.client("secretsmanager").put_secret_value(
        SecretId=new.inputs["secretId"], SecretString=value
    )
    return {"versionId": made["VersionId"]}


def _cluster(new: New) -> dict[str, Any]:
    made = new.mocks.cloud.client("ecs").create_cluster(clusterName=new.inputs.get("name", new.name))["cluster"]
    return {"id": made["clusterArn"], "arn": made["clusterArn"], "name": made["clusterName"]}


def _task_definition(new: New) -> dict[str, Any]:
    made = new.mocks.cloud.client("ecs").register_task_definition(
        family=new.inputs["family"],
        containerDefinitions=json.loads(new.inputs["containerDefinitions"]),
        cpu=str(new.inputs["cpu"]),
        memory=str(new.inputs["memory"]),
        networkMode=new.inputs["networkMode"],
        requiresCompatibilities=new.inputs["requiresCompatibilities"],
    )["taskDefinition"]
    return {"id": new.inputs["family"], "arn": made["taskDefinitionArn"], "revision": made["revision"]}


def _database(new: New) -> dict[str, Any]:
    return {"address": new.mocks.places.database, "port": 5432, "endpoint": f"{new.mocks.places.database}:5432",
            "identifier": new.name}  # fmt: skip


def _cache(new: New) -> dict[str, Any]:
    return {"primaryEndpointAddress": new.mocks.places.broker, "port": 6379}


def _password(new: New) -> dict[str, Any]:
    letters = string.ascii_letters + string.digits
    return {"result": "".join(secrets.choice(letters) for _ in range(int(new.inputs["length"])))}


def _id(new: New) -> dict[str, Any]:
    return {"hex": secrets.token_hex(int(new.inputs["byteLength"]))}


def _dynamic(new: New) -> dict[str, Any]:
    """The image is the one that was built here; the migration is run by the rehearsal itself."""
    return {"reference": new.mocks.places.image}


_REAL: dict[str, Callable[[New], dict[str, Any]]] = {
    "aws:s3/bucket:Bucket": _bucket,
    "aws:sqs/queue:Queue": _queue,
    "aws:kinesis/firehoseDeliveryStream:FirehoseDeliveryStream": _delivery_stream,
    "aws:secretsmanager/secret:Secret": _secret,
    "aws:secretsmanager/secretVersion:SecretVersion": _secret_version,
    "aws:ecs/cluster:Cluster": _cluster,
    "aws:ecs/taskDefinition:TaskDefinition": _task_definition,
    "aws:rds/instance:Instance": _database,
    "aws:elasticache/replicationGroup:ReplicationGroup": _cache,
    "random:index/randomPassword:RandomPassword": _password,
    "random:index/randomId:RandomId": _id,
    "pulumi-python:dynamic/airflow-stack:PushedImage": _dynamic,
}
