"""Rules of `broker`, on this machine and on AWS."""

from __future__ import annotations

from config.rows import AWS, Row, table


@table(
    Row(
        "broker-kind-defaults-to-container",
        "broker: {visibility_timeout: 60}",
        "broker.visibility_timeout",
        "must be at least 3600",
        "86400",
    ),
    Row(
        "broker-of-aws",
        "broker: {kind: sqs}",
        "broker.kind",
        "sqs is for stacks on AWS, of target.kind: aws; here it must be 'container' or 'external'",
        "container",
    ),
    Row(
        "key-of-the-other-union-member",
        "broker: {kind: external, memory: 128}",
        "broker.memory",
        "there is no such key; it belongs to kind container",
        fix="remove",
        at_once=False,
    ),
    Row(
        "local-executor-with-broker",
        "airflow: {executor: LocalExecutor}\nbroker: {kind: external}\nbroker_url: {secure: AAABAKx9}",
        "broker",
        "has no effect with airflow.executor: LocalExecutor",
        fix="remove",
        editor=False,
        at_once=False,
    ),
)
def test_what_breaks_a_rule_is_refused_here(row: Row) -> None:
    """Each broken rule is told by its key, with an example and the command that fixes it."""
    row.check()


@table(
    Row(
        "broker-in-a-container",
        "broker: {kind: container}",
        "broker.kind",
        "container is for local stacks; here it must be 'sqs', 'elasticache' or 'external'",
        "sqs",
    ),
    Row(
        "node-type-unknown",
        "broker: {kind: elasticache, node_type: cache.m5.large}",
        "broker.node_type",
        "must be a node type of cache.t4g, cache.m7g or cache.r7g",
        "cache.t4g.micro",
        editor=False,
    ),
    Row(
        "sqs-visibility-over-twelve-hours",
        "broker: {visibility_timeout: 86400}",
        "broker.visibility_timeout",
        "must be at most 43200",
        "43200",
    ),
    Row(
        "sqs-with-node-type",
        "broker: {node_type: cache.t4g.micro}",
        "broker.node_type",
        "there is no such key; it belongs to kind elasticache",
        fix="remove",
    ),
    target=AWS,
)
def test_what_breaks_a_rule_is_refused_on_aws(row: Row) -> None:
    """Each broken rule is told by its key, with an example and the command that fixes it."""
    row.check()
