"""Rules of `worker`, on this machine."""

from __future__ import annotations

from config.rows import Row, table


@table(
    Row(
        "fraction-for-whole-number",
        "worker: {count: 1.5}",
        "worker.count",
        "must be a whole number (without quotes)",
        "2",
    ),
    Row(
        "local-executor-with-workers",
        "airflow: {executor: LocalExecutor}\nworker: {count: 3}",
        "worker",
        "has no effect with airflow.executor: LocalExecutor",
        fix="remove",
        editor=False,
    ),
    Row("number-as-text", "worker: {count: '2'}", "worker.count", "must be a whole number (without quotes)", "2"),
    Row(
        "queue-with-spaces",
        "worker: {other_queues: [on premises]}",
        "worker.other_queues[0]",
        "must be a queue's name: letters, digits, '.', '_' or '-'; or '*' for any",
        "on-premises",
        editor=False,
    ),
    Row(
        "queues-without-the-default-one",
        "worker: {queues: [gpu]}",
        "worker.queues",
        "leaves out 'default', the queue of every task that names none",
        '["default", "gpu"]',
        fix="edit",
        editor=False,
    ),
    Row(
        "unknown-key-in-section",
        "worker: {cuont: 2}",
        "worker.cuont",
        "there is no such key; did you mean count?",
        fix="remove",
    ),
    Row(
        "unknown-key-with-spaces",
        "worker: {number of workers: 2}",
        "worker.number of workers",
        "there is no such key; there are concurrency, stop_timeout, queues, other_queues, count, memory",
        fix="edit",
    ),
    Row("worker-count-zero", "worker: {count: 0}", "worker.count", "must be at least 1", "2"),
)
def test_what_breaks_a_rule_is_refused(row: Row) -> None:
    """Each broken rule is told by its key, with an example and the command that fixes it."""
    row.check()
