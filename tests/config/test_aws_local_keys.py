"""Rules that keep what means nothing on AWS out of its stacks."""

from __future__ import annotations

from config.rows import AWS, Row, table


@table(
    Row(
        "local-worker-count",
        "worker: {count: 3}",
        "worker.count",
        "is for local stacks: target.worker.min and target.worker.max are its bounds",
        fix="remove",
    ),
    Row(
        "local-memory",
        "scheduler: {memory: 2048}",
        "scheduler",
        "is for local stacks: target.scheduler.memory is its task's",
        fix="remove",
    ),
    Row(
        "local-webserver-port",
        "webserver: {port: 8081}",
        "webserver.port",
        "is for local stacks: the load balancer is the only way in",
        fix="remove",
    ),
    Row(
        "flower-with-elasticache",
        "flower: {enabled: true}\nbroker: {kind: elasticache}",
        "flower",
        "is for local stacks: SQS has no events for it to show, and CloudWatch shows the workers",
        fix="remove",
    ),
    Row(
        "flower-with-sqs",
        "flower: {enabled: true}",
        "flower",
        "is for local stacks: SQS has no events for it to show, and CloudWatch shows the workers",
        fix="remove",
    ),
    Row(
        "local-bind-address",
        "target: {bind_address: 0.0.0.0}",
        "target.bind_address",
        "is for local stacks: load_balancer.allowed_cidrs says who reaches the UI",
        fix="remove",
    ),
    Row(
        "local-executor",
        "airflow: {executor: LocalExecutor}",
        "airflow.executor",
        "LocalExecutor is for local stacks: on AWS tasks run on the workers",
        "CeleryExecutor",
    ),
    Row(
        "local-prefix",
        "target: {prefix: team-a}",
        "target.prefix",
        "is for local stacks: name is what every resource's name starts with",
        fix="remove",
    ),
    Row(
        "local-proxy",
        "proxy: {port: 80}",
        "proxy",
        "is for local stacks: the load balancer stands in front",
        fix="remove",
    ),
    Row(
        "local-secrets-backend",
        "secrets_backend: {class_name: a.Backend}",
        "secrets_backend",
        "is for local stacks: it is Secrets Manager",
        fix="remove",
    ),
    Row(
        "throw-away",
        "target: {throw_away: true}",
        "target.throw_away",
        "is for local stacks: delete_data, with confirm_delete_data, lets a destroy delete the data",
        fix="remove",
    ),
    target=AWS,
)
def test_what_is_for_this_machine_is_refused(row: Row) -> None:
    """Each key is told with what has its meaning on AWS."""
    row.check()
