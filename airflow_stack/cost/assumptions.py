"""What no config says and an estimate needs. Each is a guess that is written down, to be corrected by a first bill."""

from __future__ import annotations

from collections.abc import Sequence

FREE_DISK_GB = 20

LCU = 0.02
"""Of the load balancer, on average: a UI that a few people look at. A published bill of an idle one had 0.001."""

UI_GB = 1.0
"""Pages that browsers load in a month."""

SLOTS_BUSY = 0.6
"""Of the slots of the workers that run: they come in whole workers, and stay for the cooldown."""

POLL_SECONDS = 20
"""Of a long poll of SQS."""

REQUESTS_PER_TASK = 4
"""Sent, received, deleted; and one for those that are delivered twice."""

LOOKUPS_PER_TASK = 2
"""A connection and a variable, each asked for by the task itself: its process remembers nothing of another's."""

LOG_GB_PER_HOUR = 0.0003
"""Of each task of ECS that idles: about 5 kB a minute, most of it health checks."""

LOG_GB_PER_TASK = 3e-6
"""What scheduler and worker write about one task of Airflow."""

LOGS_COMPRESSED = 0.15

TASK_LOG_GB = 20e-6
"""The log of one task of Airflow."""

READS_PER_TASK = 2

IMAGES_GB = 1.0
"""Two images of half a GB each, compressed, without the layers that they share."""

EGRESS_GB_PER_TASK_HOUR = 0.002
"""Database, queue, metrics and logs of a task of ECS."""

EGRESS_GB_PER_TASK = 0.001
"""What one task of Airflow moves. Tasks that move data move more: it is not in here."""

OTHER_ZONE = 0.5
"""Of what tasks and database exchange, with two zones."""

PUBLISH_SECONDS = 60
"""Between two publications of the workers' metric. A test compares it with the publisher's."""

PUBLISHED = 3
"""Metrics that the publisher sends: the ratio, tasks that wait, tasks that run. A test compares it, too."""

TRACKING_ALARMS = 2
"""That Application Auto Scaling makes for the workers, one for each direction."""

INSIGHTS = 60
"""Metrics of Container Insights: about a dozen for the cluster and for each service."""

ATHENA_TB = 0.01
"""That queries read in a month."""

_METRICS = {"scheduler_heartbeat": 1, "executor": 3, "pool.open_slots": 2, "dag_processing.import_errors": 1}


def metrics(beginnings: Sequence[str]) -> int:
    """Metrics of Airflow 2.10 whose names begin so, with one pool. A beginning that is not known counts as one."""
    return sum(_METRICS.get(name, 1) for name in beginnings)
