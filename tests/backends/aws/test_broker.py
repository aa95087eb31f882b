"""The broker: a task is delivered once, none is lost without a word, and nobody reads along."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import pulumi
import pytest

from airflow_stack.backends.aws.broker import Broker
from backends.aws.recorded import Recorded, config, planned, record, resolved

QUEUE = "aws:sqs/queue:Queue"
QUEUE_POLICY = "aws:sqs/queuePolicy:QueuePolicy"
REDRIVE = "aws:sqs/redriveAllowPolicy:RedriveAllowPolicy"
CACHE = "aws:elasticache/replicationGroup:ReplicationGroup"
PARAMETERS = "aws:elasticache/parameterGroup:ParameterGroup"
SUBNETS = "aws:elasticache/subnetGroup:SubnetGroup"
ARN = "arn:aws:sqs:eu-central-1:123456789012"
DAY = 24 * 3600


def build(target: dict[str, Any] | None = None, **broker: Any) -> Broker:
    """A broker in a network and groups that are there."""
    stack = config(target, **({"broker": broker} if broker else {}))
    network: Any = SimpleNamespace(
        private_subnet_ids=[pulumi.Output.from_input(subnet) for subnet in ("subnet-a", "subnet-b")]
    )
    cache = stack.broker.kind == "elasticache"
    groups: Any = SimpleNamespace(broker_id=pulumi.Output.from_input("sg-broker") if cache else None)
    return Broker(
        "airflow", planned(stack).broker, network, groups, pulumi.Output.secret("hunter2-hunter2-") if cache else None
    )


def recorded(target: dict[str, Any] | None = None, **broker: Any) -> Recorded:
    return record(lambda: build(target, **broker))


def test_a_running_task_is_not_delivered_again() -> None:
    """Rule: the queue itself has the visibility timeout of config; twelve hours by default, never SQS's 30 s."""
    assert recorded().of(QUEUE)["airflow-queue"].inputs["visibilityTimeoutSeconds"] == 43_200
    assert recorded(visibility_timeout=7200).of(QUEUE)["airflow-queue"].inputs["visibilityTimeoutSeconds"] == 7200


def test_both_queues_are_encrypted_and_patient() -> None:
    """Rule: SQS's own key, fourteen days; long polling for the workers."""
    queues = recorded({"name": "etl"}).of(QUEUE)
    assert set(queues) == {"airflow-queue", "airflow-dead-letters"}
    for queue in queues.values():
        assert queue.inputs["sqsManagedSseEnabled"] is True
        assert queue.inputs["messageRetentionSeconds"] == 14 * DAY
        assert "name" not in queue.inputs
        assert "fifoQueue" not in queue.inputs
        assert not queue.retained
    assert queues["airflow-queue"].inputs["receiveWaitTimeSeconds"] == 20
    assert queues["airflow-queue"].inputs["namePrefix"] == "etl-tasks-"
    assert queues["airflow-dead-letters"].inputs["namePrefix"] == "etl-dead-letters-"


def test_what_is_delivered_too_often_is_set_aside() -> None:
    """Rule: after the deliveries of config, into a queue that takes from this one alone."""
    made = recorded(max_receives=3)
    queues = made.of(QUEUE)
    assert json.loads(queues["airflow-queue"].inputs["redrivePolicy"]) == {
        "deadLetterTargetArn": f"{ARN}:airflow-dead-letters",
        "maxReceiveCount": 3,
    }
    assert "redrivePolicy" not in queues["airflow-dead-letters"].inputs
    allow = made.one(REDRIVE).inputs
    assert allow["queueUrl"] == "https://sqs.eu-central-1.amazonaws.com/123456789012/airflow-dead-letters"
    assert json.loads(allow["redriveAllowPolicy"]) == {
        "redrivePermission": "byQueue",
        "sourceQueueArns": [f"{ARN}:airflow-queue"],
    }


@pytest.mark.parametrize("queue", ["queue", "dead-letters"])
def test_only_tls_is_let_in(queue: str) -> None:
    """Rule: everything else is denied, and the policy allows nothing."""
    inputs = recorded().of(QUEUE_POLICY)[f"airflow-{queue}-policy"].inputs
    assert inputs["queueUrl"].endswith(f"/airflow-{queue}")
    (statement,) = json.loads(inputs["policy"])["Statement"]
    assert (statement["Effect"], statement["Principal"], statement["Action"]) == ("Deny", "*", "sqs:*")
    assert statement["Resource"] == f"{ARN}:airflow-{queue}"
    assert statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}


def test_sqs_brings_no_server() -> None:
    """Rule: nothing of ElastiCache, no address; the queue's URL, ARN and names are told."""
    made = recorded()
    assert not [resource for resource in made.resources if "elasticache" in resource.type]
    assert (made.result.address, made.result.cache_id) == (None, None)
    assert resolved(lambda: build().queue_url) == "https://sqs.eu-central-1.amazonaws.com/123456789012/airflow-queue"
    assert resolved(lambda: build().queue_arn) == f"{ARN}:airflow-queue"
    assert resolved(lambda: build().queue_name) == "airflow-queue"
    assert resolved(lambda: build().dead_letter_name) == "airflow-dead-letters"


@pytest.mark.parametrize(("engine", "version", "family"), [("valkey", "8.0", "valkey8"), ("redis", "7.1", "redis7")])
def test_the_cache_is_of_the_engine_of_config(engine: str, version: str, family: str) -> None:
    """Rule: engine, version and parameters belong together, and no key is ever evicted."""
    made = recorded({"name": "etl"}, kind="elasticache", engine=engine, node_type="cache.m7g.large")
    inputs = made.one(CACHE).inputs
    assert (inputs["engine"], inputs["engineVersion"], inputs["nodeType"]) == (engine, version, "cache.m7g.large")
    assert inputs["parameterGroupName"] == f"etl-broker-{family}"
    parameters = made.one(PARAMETERS).inputs
    assert (parameters["family"], parameters["name"]) == (family, f"etl-broker-{family}")
    assert parameters["parameters"] == [{"name": "maxmemory-policy", "value": "noeviction"}]
    assert inputs["replicationGroupId"] == "etl-broker"


def test_no_update_replaces_the_cache_for_a_version_that_aws_has_chosen() -> None:
    """Rule: the version is pinned, so AWS must not move it; a downgrade is a new cache without the queued tasks."""
    inputs = recorded(kind="elasticache").one(CACHE).inputs
    assert inputs["autoMinorVersionUpgrade"] is False


def test_a_changed_cache_is_changed_when_the_update_ends() -> None:
    """Rule: nothing waits for the maintenance window, with the old parameter group in use until then."""
    assert recorded(kind="elasticache").one(CACHE).inputs["applyImmediately"] is True


def test_the_cache_is_encrypted_private_and_wants_a_password() -> None:
    """Rule: TLS alone, a token that is a secret, private subnets, its own group."""
    made = recorded(kind="elasticache")
    inputs = made.one(CACHE).inputs
    assert inputs["transitEncryptionEnabled"] is True
    assert inputs["transitEncryptionMode"] == "required"
    assert inputs["atRestEncryptionEnabled"] is True
    assert inputs["authToken"] == {"secret": "hunter2-hunter2-"}
    assert inputs["securityGroupIds"] == ["sg-broker"]
    assert inputs["subnetGroupName"] == "airflow-broker"
    assert made.one(SUBNETS).inputs["subnetIds"] == ["subnet-a", "subnet-b"]
    assert inputs["snapshotRetentionLimit"] == 1
    assert not [resource for resource in made.resources if resource.retained]


@pytest.mark.parametrize(("replicas", "takes_over"), [(0, False), (1, True), (3, True)])
def test_a_replica_takes_over(replicas: int, takes_over: bool) -> None:
    """Rule: failover and zones where there is another node; ElastiCache refuses both where there is none."""
    inputs = recorded(kind="elasticache", replicas=replicas).one(CACHE).inputs
    assert inputs["numCacheClusters"] == replicas + 1
    assert inputs["automaticFailoverEnabled"] is takes_over
    assert inputs["multiAzEnabled"] is takes_over


def test_a_cache_brings_no_queue() -> None:
    """Rule: nothing of SQS; address and id are told."""
    made = recorded(kind="elasticache")
    assert not [resource for resource in made.resources if ":sqs/" in resource.type]
    for attribute in ("queue_url", "queue_arn", "queue_name", "dead_letter_name"):
        assert getattr(made.result, attribute) is None
    assert resolved(lambda: build(kind="elasticache").address) == "airflow-cache.cache.amazonaws.com:6379"
    assert resolved(lambda: build(kind="elasticache").cache_id) == "airflow-broker"


def test_an_external_broker_makes_nothing() -> None:
    """Rule: no resource at all, and every attribute None."""
    made = recorded(kind="external")
    assert [resource.type for resource in made.resources] == ["airflow-stack:aws:Broker"]
    for attribute in ("queue_url", "queue_arn", "queue_name", "dead_letter_name", "address", "cache_id"):
        assert getattr(made.result, attribute) is None
