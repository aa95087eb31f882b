"""Rules of `target` on AWS, but for its network, load balancer and services."""

from __future__ import annotations

from config.rows import AWS, Row, table


@table(
    Row(
        "alarm-email-without-at",
        "target: {metrics: {alarm_email: on-call}}",
        "target.metrics.alarm_email",
        "must be an e-mail address",
        "admin@example.com",
        editor=False,
    ),
    Row(
        "metric-name-with-star",
        "target: {metrics: {allow: [scheduler*]}}",
        "target.metrics.allow[0]",
        "must be the beginning of a metric's name: lower-case letters, digits, _ and dots",
        "scheduler_heartbeat",
        editor=False,
    ),
    Row(
        "architecture-of-docker",
        "target: {architecture: arm64}",
        "target.architecture",
        "must be 'ARM64' or 'X86_64'",
        "ARM64",
    ),
    Row(
        "confirmation-without-delete-data",
        "target: {confirm_delete_data: airflow}",
        "target.confirm_delete_data",
        "has no effect without delete_data",
        fix="remove",
        editor=False,
    ),
    Row(
        "delete-data-without-confirmation",
        "target: {delete_data: true}",
        "target.delete_data",
        "lets a destroy delete database, bucket, images and secrets, which has to be said twice",
        "airflow",
        fix="set target.confirm_delete_data",
        editor=False,
    ),
    Row(
        "image-origin-auto",
        "target: {image_origin: auto}",
        "target.image_origin",
        "auto is for local stacks; here it must be 'registry' or 'debian'",
        "registry",
    ),
    Row(
        "option-of-the-stack",
        "airflow: {options: {logging: {remote_base_log_folder: 's3://bucket/logs'}}}",
        "airflow.options.logging.remote_base_log_folder",
        "belongs to the stack on AWS; task logs go to the stack's bucket; target.logs says how long they are kept",
        fix="remove",
        editor=False,
    ),
    Row(
        "lookup-is-no-expression",
        "target: {secrets_lookup: {connections: aws_(}}",
        "target.secrets_lookup.connections",
        "must be a regular expression",
        "^aws_",
        editor=False,
    ),
    Row(
        "name-begins-with-internal",
        "target: {name: internal-airflow}",
        "target.name",
        "must be 2 to 20 lower-case letters",
        "airflow",
        editor=False,
    ),
    Row(
        "name-begins-with-sg",
        "target: {name: sg-airflow}",
        "target.name",
        "must be 2 to 20 lower-case letters",
        "airflow",
        editor=False,
    ),
    Row(
        "name-too-long",
        "target: {name: airflow-of-the-data-platform}",
        "target.name",
        "must be 2 to 20 lower-case letters",
        "airflow",
        editor=False,
    ),
    Row(
        "name-with-capitals",
        "target: {name: Airflow}",
        "target.name",
        "must be 2 to 20 lower-case letters",
        "airflow",
        editor=False,
    ),
    Row(
        "name-with-two-hyphens",
        "target: {name: data--airflow}",
        "target.name",
        "must be 2 to 20 lower-case letters",
        "airflow",
        editor=False,
    ),
    Row(
        "region-in-words",
        "target: {region: Frankfurt}",
        "target.region",
        "must be the name of an AWS region",
        "eu-central-1",
        editor=False,
    ),
    Row(
        "region-is-a-zone",
        "target: {region: us-east-1a}",
        "target.region",
        "must be the name of an AWS region",
        "eu-central-1",
        editor=False,
    ),
    Row(
        "retention-not-of-cloudwatch",
        "target: {logs: {retention_days: 10}}",
        "target.logs.retention_days",
        "must be 1, 3, 5, 7, 14, 30",
        "30",
    ),
    Row(
        "task-logs-for-ever",
        "target: {logs: {task_log_days: 0}}",
        "target.logs.task_log_days",
        "must be at least 1",
        "90",
    ),
    Row(
        "tag-is-a-number",
        "target: {tags: {cost-center: 4711}}",
        "target.tags.cost-center",
        "must be text (in quotes where it reads as a number or a date)",
        '{"team": "data"}',
        fix="edit",
    ),
    Row(
        "tag-is-taken",
        "target: {tags: {'aws:team': data}}",
        "target.tags",
        "keys must not start with aws: or airflow-stack, which are taken",
        '{"team": "data"}',
        fix="edit",
        editor=False,
    ),
    Row(
        "tag-with-comma",
        "target: {tags: {team: 'data, platform'}}",
        "target.tags",
        "keys and values must be letters, digits, spaces and _.:/=+@-, 128 and 256 at most",
        '{"team": "data"}',
        fix="edit",
        editor=False,
    ),
    Row(
        "tags-are-too-many",
        f"target: {{tags: {{{', '.join(f'key{number}: x' for number in range(41))}}}}}",
        "target.tags",
        "must have 40 entries or fewer",
        '{"team": "data"}',
        fix="edit",
    ),
    target=AWS,
)
def test_what_breaks_a_rule_is_refused(row: Row) -> None:
    """Each broken rule is told by its key, with an example and the command that fixes it."""
    row.check()


@table(
    Row(
        "region-missing",
        "target: {kind: aws, load_balancer: {allowed_cidrs: [203.0.113.0/24], plain_http: true}}",
        "target.region",
        "is required",
        "eu-central-1",
    ),
    target=None,
)
def test_region_is_asked_for(row: Row) -> None:
    """AWS has no region by default."""
    row.check()
