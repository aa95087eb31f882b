"""Rules of `target` on this machine."""

from __future__ import annotations

from config.rows import Row, table


@table(
    Row(
        "bind-address-is-a-name",
        "target: {bind_address: localhost}",
        "target.bind_address",
        "must be an IP address of this machine, such as 127.0.0.1 or 0.0.0.0",
        "127.0.0.1",
        editor=False,
    ),
    Row(
        "bind-address-octet-too-large",
        "target: {bind_address: 127.0.0.256}",
        "target.bind_address",
        "must be an IP address of this machine, such as 127.0.0.1 or 0.0.0.0",
        "127.0.0.1",
        editor=False,
    ),
    Row(
        "bind-address-with-scope",
        "target: {bind_address: 'fe80::1%eth0'}",
        "target.bind_address",
        "must be an IP address of this machine, such as 127.0.0.1 or 0.0.0.0",
        "127.0.0.1",
        editor=False,
    ),
    Row(
        "image-origin-unknown",
        "target: {image_origin: alpine}",
        "target.image_origin",
        "must be 'auto', 'registry' or 'debian'",
        "auto",
    ),
    Row(
        "log-size-with-unit",
        "target: {logs: {max_size: 10m}}",
        "target.logs.max_size",
        "must be a whole number (without quotes)",
        "10",
    ),
    Row(
        "prefix-with-capitals",
        "target: {prefix: TeamA}",
        "target.prefix",
        "must be up to 30 lower-case letters, digits or -, not starting with -",
        "team-a",
        editor=False,
    ),
    Row(
        "project-dir-with-colon",
        "target: {project_dir: 'C:\\airflow'}",
        "target.project_dir",
        "must be a directory's path, in printable characters and without ':'",
        "/srv/airflow",
        editor=False,
    ),
    Row("target-kind-unknown", "target: {kind: kubernetes}", "target.kind", "must be 'local' or 'aws'", "local"),
    Row(
        "target-of-aws-without-kind",
        "target: {region: eu-central-1}",
        "target.region",
        "is for stacks on AWS, of target.kind: aws",
        fix="remove",
    ),
    Row(
        "text-as-number",
        "target: {prefix: 7}",
        "target.prefix",
        "must be text (in quotes where it reads as a number or a date)",
        "team-a",
    ),
    Row("uid-negative", "target: {uid: -1}", "target.uid", "must be at least 0", "1000"),
    Row(
        "unknown-key-two-deep",
        "target: {logs: {max_sise: 10}}",
        "target.logs.max_sise",
        "there is no such key; did you mean max_size?",
        fix="remove",
    ),
)
def test_what_breaks_a_rule_is_refused(row: Row) -> None:
    """Each broken rule is told by its key, with an example and the command that fixes it."""
    row.check()
