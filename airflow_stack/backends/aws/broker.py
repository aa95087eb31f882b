"""Celery's broker: SQS, ElastiCache, or nothing where the server is an external one."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pulumi
from pulumi_aws import elasticache, sqs

from airflow_stack.backends.aws.plan.policy_document import document
from airflow_stack.backends.aws.plan.rules import BROKER_PORT
from airflow_stack.backends.aws.plan.servers import BrokerPlan, Cache, Queues

if TYPE_CHECKING:
    from airflow_stack.backends.aws.network import Network
    from airflow_stack.backends.aws.security_groups import SecurityGroups

# Seconds: the longest that SQS allows for each.
LONG_POLL = 20
RETENTION = 14 * 24 * 3600

# Engine version and parameter family, by engine.
ENGINES = {"valkey": ("8.0", "valkey8"), "redis": ("7.1", "redis7")}

SNAPSHOT_DAYS = 1


class Broker(pulumi.ComponentResource):
    """The queue between scheduler and workers. What is not of the configured kind is None."""

    queue_url: pulumi.Output[str] | None = None
    queue_arn: pulumi.Output[str] | None = None
    queue_name: pulumi.Output[str] | None = None
    dead_letter_name: pulumi.Output[str] | None = None
    """Name of the queue with what was delivered too often."""
    address: pulumi.Output[str] | None = None
    """Of ElastiCache, as ``host:port``."""
    cache_id: pulumi.Output[str] | None = None
    """Id of the replication group; its nodes are ``<id>-001`` and so on."""

    def __init__(
        self,
        name: str,
        planned: BrokerPlan | None,
        network: Network,
        groups: SecurityGroups,
        password: pulumi.Input[str] | None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("airflow-stack:aws:Broker", name, None, opts)
        if isinstance(planned, Queues):
            self._queues(name, planned)
        elif isinstance(planned, Cache):
            self._cache(name, planned, network, groups, password)
        self.register_outputs({})

    def _queues(self, name: str, planned: Queues) -> None:
        child = pulumi.ResourceOptions(parent=self)
        dead = sqs.Queue(
            f"{name}-dead-letters",
            name_prefix=planned.dead_letters,
            message_retention_seconds=RETENTION,
            sqs_managed_sse_enabled=True,
            opts=child,
        )
        queue = sqs.Queue(
            f"{name}-queue",
            name_prefix=planned.tasks,
            # Here, and not in Celery alone: kombu does not hand it to a queue that it has not made itself, and after
            # the default of 30 s a running task would be delivered a second time.
            visibility_timeout_seconds=planned.asked.visibility_timeout,
            receive_wait_time_seconds=LONG_POLL,
            message_retention_seconds=RETENTION,
            sqs_managed_sse_enabled=True,
            redrive_policy=dead.arn.apply(
                lambda arn: json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": planned.asked.max_receives})
            ),
            opts=child,
        )
        # No other queue of the account may drop its messages here.
        sqs.RedriveAllowPolicy(
            f"{name}-redrive",
            queue_url=dead.url,
            redrive_allow_policy=queue.arn.apply(
                lambda arn: json.dumps({"redrivePermission": "byQueue", "sourceQueueArns": [arn]})
            ),
            opts=child,
        )
        for purpose, one in (("queue", queue), ("dead-letters", dead)):
            sqs.QueuePolicy(f"{name}-{purpose}-policy", queue_url=one.url, policy=one.arn.apply(tls_only), opts=child)
        self.queue_url, self.queue_arn, self.queue_name = queue.url, queue.arn, queue.name
        self.dead_letter_name = dead.name

    def _cache(
        self,
        name: str,
        planned: Cache,
        network: Network,
        groups: SecurityGroups,
        password: pulumi.Input[str] | None,
    ) -> None:
        child = pulumi.ResourceOptions(parent=self)
        broker, identifier = planned.asked, planned.identifier
        version, family = ENGINES[broker.engine]
        subnets = elasticache.SubnetGroup(
            f"{name}-subnets",
            name=identifier,
            description=f"Private subnets of {identifier}",
            subnet_ids=network.private_subnet_ids,
            opts=child,
        )
        parameters = elasticache.ParameterGroup(
            f"{name}-parameters",
            # A group in use can't be deleted: that of another engine has another name.
            name=f"{identifier}-{family}",
            description=f"Memory policy of {identifier}",
            family=family,
            # Full memory is an error that the scheduler sees; to evict a key would lose tasks without a word.
            parameters=[elasticache.ParameterGroupParameterArgs(name="maxmemory-policy", value="noeviction")],
            opts=child,
        )
        group = elasticache.ReplicationGroup(
            f"{name}-cache",
            replication_group_id=identifier,
            description=f"Celery broker of {planned.prefix}",
            engine=broker.engine,
            engine_version=version,
            # AWS's own minor upgrade would make the next update a downgrade, which only a new, empty cache can do.
            auto_minor_version_upgrade=False,
            # The old engine's parameter group can't be deleted before the new engine is in.
            apply_immediately=True,
            node_type=broker.node_type,
            num_cache_clusters=planned.nodes,
            # One that takes over needs one to take over from, in another zone.
            automatic_failover_enabled=broker.replicas > 0,
            multi_az_enabled=broker.replicas > 0,
            port=BROKER_PORT,
            subnet_group_name=subnets.name,
            security_group_ids=[groups.broker_id] if groups.broker_id is not None else [],
            parameter_group_name=parameters.name,
            at_rest_encryption_enabled=True,
            transit_encryption_enabled=True,
            transit_encryption_mode="required",
            auth_token=password,
            snapshot_retention_limit=SNAPSHOT_DAYS,
            opts=child,
        )
        self.address = pulumi.Output.concat(group.primary_endpoint_address, f":{BROKER_PORT}")
        self.cache_id = group.replication_group_id


def tls_only(queue_arn: str) -> str:
    """Queue policy that denies everything which is not encrypted on its way."""
    return document(
        {
            "Sid": "TlsOnly",
            "Effect": "Deny",
            "Principal": "*",
            "Action": "sqs:*",
            "Resource": queue_arn,
            "Condition": {"Bool": {"aws:SecureTransport": "false"}},
        }
    )
