"""Rules of `database`, on this machine and on AWS."""

from __future__ import annotations

from config.rows import AWS, Row, table


@table(
    Row(
        "airflow-is-the-superuser",
        "database: {superuser: airflow, superuser_database: airflow, user: airflow, name: airflow}",
        "database.superuser",
        "is database.user too, and Airflow's role must be no superuser",
        "postgres",
        editor=False,
    ),
    Row(
        "database-kind-unknown",
        "database: {kind: sqlite}",
        "database.kind",
        "must be 'container' or 'external'",
        "container",
    ),
    Row(
        "database-of-aws",
        "database: {kind: rds}",
        "database.kind",
        "rds is for stacks on AWS, of target.kind: aws; here it must be 'container' or 'external'",
        "container",
    ),
    Row(
        "database-on-the-port-of-flower",
        "flower: {enabled: true, port: 5432}\ndatabase: {kind: container, port: 5432}",
        "database.port",
        "is the port of flower.port too: each needs one of its own",
        "5433",
        editor=False,
    ),
    Row(
        "superuser-of-postgres-itself",
        "database: {superuser: public}",
        "database.superuser",
        "must be 1 to 31 lower-case letters, digits or _, not starting with a digit or with pg_",
        "postgres",
        editor=False,
    ),
    Row(
        "user-of-postgres-itself",
        "database: {user: pg_airflow}",
        "database.user",
        "must be 1 to 31 lower-case letters, digits or _, not starting with a digit or with pg_",
        "airflow",
        editor=False,
    ),
    Row(
        "database-of-postgres-itself",
        "database: {name: template1}",
        "database.name",
        "must be 1 to 31 lower-case letters, digits or _, not starting with a digit",
        "airflow",
        editor=False,
    ),
    Row(
        "sql-name-with-hyphen",
        "database: {kind: container, name: air-flow}",
        "database.name",
        "must be 1 to 31 lower-case letters, digits or _, not starting with a digit",
        "airflow",
        editor=False,
    ),
    Row(
        "unknown-key-in-union-member",
        "database: {kind: container, host: db.example.com}",
        "database.host",
        "there is no such key; there are kind, user, name, superuser, superuser_database, port, memory",
        fix="remove",
    ),
)
def test_what_breaks_a_rule_is_refused_here(row: Row) -> None:
    """Each broken rule is told by its key, with an example and the command that fixes it."""
    row.check()


@table(
    Row("backups-for-a-year", "database: {backup_days: 365}", "database.backup_days", "must be at most 35", "7"),
    Row(
        "database-in-a-container",
        "database: {kind: container}",
        "database.kind",
        "container is for local stacks; here it must be 'rds' or 'external'",
        "rds",
    ),
    Row(
        "database-key-of-a-container",
        "database: {port: 5432}",
        "database.port",
        "is for local stacks",
        fix="remove",
    ),
    Row("database-kind-unknown", "database: {kind: aurora}", "database.kind", "must be 'rds' or 'external'", "rds"),
    Row(
        "instance-class-unknown",
        "database: {instance_class: db.t2.micro}",
        "database.instance_class",
        "must be an instance class of db.m6g, db.m7g, db.r6g, db.r7g, db.t4g",
        "db.t4g.micro",
        editor=False,
    ),
    Row(
        "instance-class-without-db",
        "database: {instance_class: t4g.micro}",
        "database.instance_class",
        "must be an instance class of db.m6g, db.m7g, db.r6g, db.r7g, db.t4g",
        "db.t4g.micro",
        editor=False,
    ),
    Row(
        "storage-does-not-grow",
        "database: {storage: 100}",
        "database.max_storage",
        "100 must be at least a tenth more than storage, 100",
        "200",
        editor=False,
    ),
    Row("storage-too-small", "database: {storage: 10}", "database.storage", "must be at least 20", "20"),
    Row(
        "version-as-number",
        "database: {version: 16}",
        "database.version",
        "must be '14', '15', '16' or '17'",
        '"16"',
        fix="edit",
    ),
    Row(
        "version-with-a-surcharge",
        "database: {version: '13'}",
        "database.version",
        "must be '14', '15', '16' or '17'",
        '"16"',
        fix="edit",
    ),
    Row(
        "workers-for-a-larger-database",
        "target: {worker: {max: 40}}",
        "database.instance_class",
        "db.t4g.micro takes 96 connections, and target.worker.max 40 with worker.concurrency 4",
        "db.t4g.large",
        editor=False,
    ),
    target=AWS,
)
def test_what_breaks_a_rule_is_refused_on_aws(row: Row) -> None:
    """Each broken rule is told by its key, with an example and the command that fixes it."""
    row.check()
