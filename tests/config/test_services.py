"""Rules of the services' sections, on this machine."""

from __future__ import annotations

from config.rows import Row, table


@table(
    Row(
        "flower-prefix-nested",
        "flower: {enabled: true, url_prefix: /tools/flower}",
        "flower.url_prefix",
        "must be / and 1 to 30 letters, digits, _ or -",
        "/flower",
        editor=False,
    ),
    Row(
        "flower-prefix-without-slash",
        "flower: {enabled: true, url_prefix: flower}",
        "flower.url_prefix",
        "must be / and 1 to 30 letters, digits, _ or -",
        "/flower",
        editor=False,
    ),
    Row(
        "local-executor-with-flower",
        "airflow: {executor: LocalExecutor}\nflower: {enabled: true}",
        "flower.enabled",
        "needs airflow.executor: CeleryExecutor",
        fix="remove",
        editor=False,
    ),
    Row(
        "switch-as-word",
        "flower: {enabled: enabled}",
        "flower.enabled",
        "must be true or false (without quotes)",
        "false",
    ),
    Row("memory-too-small", "webserver: {memory: 16}", "webserver.memory", "must be at least 32", "1536"),
    Row(
        "two-services-on-one-port",
        "webserver: {port: 8080}",
        "webserver.port",
        "is the port of proxy.port too: each needs one of its own",
        "8081",
        editor=False,
    ),
    Row("port-too-large", "proxy: {port: 65536}", "proxy.port", "must be at most 65535", "8080"),
    Row("port-zero", "proxy: {port: 0}", "proxy.port", "must be at least 1", "8080"),
)
def test_what_breaks_a_rule_is_refused(row: Row) -> None:
    """Each broken rule is told by its key, with an example and the command that fixes it."""
    row.check()
