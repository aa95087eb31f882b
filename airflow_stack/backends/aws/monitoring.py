"""Dashboard and alarms, and whom they tell."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pulumi
from pulumi_aws import cloudwatch

from airflow_stack.backends.aws.dashboard import Watched, dashboard
from airflow_stack.backends.aws.metrics import COUNTER, HEARTBEAT, RATIO, agent_name, is_sent, namespace
from airflow_stack.backends.aws.notifications import Notifications
from airflow_stack.backends.aws.service_events import ServiceEvents
from airflow_stack.config import StackConfig
from airflow_stack.config.aws import ElastiCacheBroker, RdsDatabase

GIB = 1024**3


class Monitoring(pulumi.ComponentResource):
    """A dashboard and the alarms, which are there whether somebody is told or not: the dashboard shows them.

    None for what the stack does not have. An alarm says in its description what to look at.
    """

    topic_arn: pulumi.Output[str] | None = None
    """Of SNS, where ``metrics.alarm_email`` is set."""
    dashboard_name: pulumi.Output[str]
    alarms: dict[str, cloudwatch.MetricAlarm]
    """By purpose."""

    def __init__(
        self,
        name: str,
        config: StackConfig,
        *,
        cluster_name: pulumi.Output[str],
        cluster_arn: pulumi.Output[str],
        service_names: Mapping[str, pulumi.Output[str]],
        load_balancer: pulumi.Output[str],
        target_group: pulumi.Output[str],
        database: pulumi.Output[str] | None,
        queue: pulumi.Output[str] | None,
        dead_letters: pulumi.Output[str] | None,
        cache: pulumi.Output[str] | None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """``load_balancer`` and ``target_group`` are the ends of their ARNs, which metrics use as names.

        ``service_names`` is by role, ``database`` is RDS's identifier, ``cache`` ElastiCache's replication group.
        """
        super().__init__("airflow-stack:aws:Monitoring", name, None, opts)
        self._name = name
        self._config = config
        self._prefix = config.aws.name
        self._actions: list[pulumi.Output[str]] = []
        if config.aws.metrics.alarm_email is not None:
            told = Notifications(
                f"{name}-notifications",
                self._prefix,
                config.aws.metrics.alarm_email,
                cluster_arn,
                pulumi.ResourceOptions(parent=self),
            )
            self.topic_arn = told.topic_arn
            self._actions = [told.topic_arn]
        self.alarms = {}
        worker = {"ClusterName": cluster_name, "ServiceName": service_names["worker"]}
        scheduler = {"ClusterName": cluster_name, "ServiceName": service_names["scheduler"]}
        node = cache.apply(lambda group: f"{group}-001") if cache is not None else None
        self._heartbeat(scheduler, worker)
        self._services(cluster_arn)
        self._tasks(worker, queue, dead_letters, node)
        self._web(load_balancer, target_group)
        if database is not None and isinstance(config.database, RdsDatabase):
            self._database(config.database, database)
        body = pulumi.Output.all(
            cluster=cluster_name,
            services=dict(service_names),
            load_balancer=load_balancer,
            target_group=target_group,
            database=database,
            queue=queue,
            dead_letters=dead_letters,
            cache=node,
            alarms=[alarm.arn for _, alarm in sorted(self.alarms.items())],
        ).apply(self._body)
        self.dashboard_name = cloudwatch.Dashboard(
            f"{name}-dashboard",
            dashboard_name=self._prefix,
            dashboard_body=body,
            opts=pulumi.ResourceOptions(parent=self),
        ).dashboard_name
        self.register_outputs({})

    def _body(self, names: dict[str, Any]) -> str:
        target, database = self._config.aws, self._config.database
        return dashboard(
            Watched(
                region=target.region,
                namespace=namespace(self._prefix),
                max_connections=database.max_connections if isinstance(database, RdsDatabase) else None,
                airflow_metrics=tuple(target.metrics.allow) if target.metrics.statsd else (),
                **(names | {"alarms": tuple(names["alarms"])}),
            )
        )

    def _alarm(self, purpose: str, description: str, *, tell: bool = True, **settings: Any) -> cloudwatch.MetricAlarm:
        actions = self._actions if tell else []
        alarm = cloudwatch.MetricAlarm(
            f"{self._name}-{purpose}",
            name=f"{self._prefix}-{purpose}",
            alarm_description=description,
            alarm_actions=actions,
            ok_actions=actions,
            opts=pulumi.ResourceOptions(parent=self),
            **settings,
        )
        self.alarms[purpose] = alarm
        return alarm

    def _heartbeat(self, scheduler: Mapping[str, pulumi.Output[str]], worker: Mapping[str, pulumi.Output[str]]) -> None:
        """The scheduler is dead: Airflow's own counter is the best sign of it, since its loop increments it.

        The publisher beside the scheduler goes on when that loop hangs, so its metric only says that the task is there
        and reaches the database. It stands in where Airflow's counter is not sent. Silence is the fault in both cases.
        """
        target = self._config.aws
        if target.metrics.statsd and is_sent(HEARTBEAT, target.metrics.allow):
            sign: dict[str, Any] = {"metric_name": agent_name(HEARTBEAT), "dimensions": COUNTER, "statistic": "Sum"}
        else:
            sign = {"metric_name": RATIO, "dimensions": worker, "statistic": "SampleCount"}
        scheduled = target.scheduler.schedule is not None
        silence = self._alarm(
            "scheduler-heartbeat",
            "The scheduler gives no sign of life: no task is started. See its log group and the events of its service.",
            tell=not scheduled,
            # Once the service is there: an alarm that is older would go off during the first deployment.
            namespace=scheduler["ServiceName"].apply(lambda _: namespace(self._prefix)),
            **sign,
            period=60,
            evaluation_periods=5,
            comparison_operator="LessThanThreshold",
            threshold=1,
            treat_missing_data="breaching",
        )
        if scheduled:
            self._only_by_day(scheduler, silence)

    def _only_by_day(self, scheduler: Mapping[str, pulumi.Output[str]], silence: cloudwatch.MetricAlarm) -> None:
        """With a schedule, silence is told only while a task of the service runs, which ECS's own metric says.

        Missing data can't count as good, for then a dead scheduler would be good by day too; and metric math has the
        hour in UTC, but neither time zone nor cron. So one alarm says that the service is off, and holds back what the
        other one would tell; a task that starts has a quarter of an hour until its silence counts. That no task comes
        up at all in the morning is told by ECS's events (see ServiceEvents).
        """
        off = self._alarm(
            "scheduler-off",
            "No task of the scheduler runs. By its schedule, that is as it should be; nobody is told.",
            tell=False,
            namespace="AWS/ECS",
            metric_name="CPUUtilization",  # a sample a minute of each running task
            dimensions=scheduler,
            statistic="SampleCount",
            period=60,
            evaluation_periods=3,
            comparison_operator="LessThanThreshold",
            threshold=1,
            treat_missing_data="breaching",
        )
        cloudwatch.CompositeAlarm(
            f"{self._name}-scheduler-silent",
            alarm_name=f"{self._prefix}-scheduler-silent",
            alarm_description="The scheduler runs and gives no sign of life: no task is started. See its log group.",
            alarm_rule=silence.name.apply(lambda name: f'ALARM("{name}")'),
            actions_suppressor=cloudwatch.CompositeAlarmActionsSuppressorArgs(
                alarm=off.name, wait_period=600, extension_period=900
            ),
            alarm_actions=self._actions,
            ok_actions=self._actions,
            opts=pulumi.ResourceOptions(parent=self),
        )

    def _services(self, cluster_arn: pulumi.Output[str]) -> None:
        events = ServiceEvents(
            f"{self._name}-services",
            self._prefix,
            self._config.aws.logs.retention_days,
            cluster_arn,
            pulumi.ResourceOptions(parent=self),
        )
        self._alarm(
            "services",
            f"Tasks of a service don't come up. The log group /aws/events/{self._prefix}-services says which, and why.",
            namespace="AWS/Events",
            metric_name="TriggeredRules",
            dimensions={"RuleName": events.rule_name},
            statistic="Sum",
            period=300,
            evaluation_periods=1,
            comparison_operator="GreaterThanThreshold",
            threshold=0,
            treat_missing_data="notBreaching",
        )

    def _tasks(
        self,
        worker: Mapping[str, pulumi.Output[str]],
        queue: pulumi.Output[str] | None,
        dead_letters: pulumi.Output[str] | None,
        node: pulumi.Output[str] | None,
    ) -> None:
        stuck = "Tasks have been waiting for a quarter of an hour, and {}. See the events of the worker's service."
        if queue is not None:
            # Not the age of the oldest message: a task that runs for hours is one, since it is acknowledged at its end.
            self._alarm(
                "queue-stuck",
                stuck.format("no worker has taken one"),
                metric_queries=[
                    self._of_queue("waiting", "ApproximateNumberOfMessagesVisible", "Minimum", queue),
                    self._of_queue("taken", "NumberOfMessagesReceived", "Sum", queue),
                    cloudwatch.MetricAlarmMetricQueryArgs(
                        id="stuck",
                        expression="IF(waiting > 0 AND taken < 1, waiting, 0)",
                        label="tasks that nobody takes",
                        return_data=True,
                    ),
                ],
                evaluation_periods=3,
                comparison_operator="GreaterThanThreshold",
                threshold=0,
                # A queue that nobody uses has no metrics.
                treat_missing_data="notBreaching",
            )
        else:
            self._alarm(
                "queue-stuck",
                stuck.format("less than half of the workers that they need have come"),
                namespace=namespace(self._prefix),
                metric_name=RATIO,
                dimensions=worker,
                statistic="Minimum",
                period=300,
                evaluation_periods=3,
                comparison_operator="GreaterThanOrEqualToThreshold",
                threshold=200,
                # Nothing is sent while the scheduler is off, whose own alarm that is.
                treat_missing_data="notBreaching",
            )
        if dead_letters is not None:
            self._alarm(
                "dead-letters",
                "A task was delivered several times and never acknowledged: its worker died each time. Look at the"
                " message in the dead-letter queue, then delete it or send it back.",
                namespace="AWS/SQS",
                metric_name="ApproximateNumberOfMessagesVisible",
                dimensions={"QueueName": dead_letters},
                statistic="Maximum",
                period=300,
                evaluation_periods=1,
                comparison_operator="GreaterThanThreshold",
                threshold=0,
                # SQS stops sending metrics of a queue that nobody touches, and the letter is still there.
                treat_missing_data="ignore",
            )
        if node is not None and isinstance(self._config.broker, ElastiCacheBroker):
            self._alarm(
                "broker-memory",
                "The broker's memory is nearly full: it will refuse tasks. Take a larger broker.node_type.",
                namespace="AWS/ElastiCache",
                metric_name="DatabaseMemoryUsagePercentage",
                dimensions={"CacheClusterId": node},
                statistic="Maximum",
                period=300,
                evaluation_periods=2,
                comparison_operator="GreaterThanThreshold",
                threshold=80,
                treat_missing_data="missing",
            )

    def _of_queue(
        self, id_: str, metric: str, statistic: str, queue: pulumi.Output[str]
    ) -> cloudwatch.MetricAlarmMetricQueryArgs:
        return cloudwatch.MetricAlarmMetricQueryArgs(
            id=id_,
            metric=cloudwatch.MetricAlarmMetricQueryMetricArgs(
                namespace="AWS/SQS", metric_name=metric, dimensions={"QueueName": queue}, stat=statistic, period=300
            ),
            return_data=False,
        )

    def _web(self, load_balancer: pulumi.Output[str], target_group: pulumi.Output[str]) -> None:
        both = {"LoadBalancer": load_balancer, "TargetGroup": target_group}
        self._alarm(
            "ui-errors",
            "The webserver answers with errors (5xx). See its log group.",
            namespace="AWS/ApplicationELB",
            metric_name="HTTPCode_Target_5XX_Count",
            dimensions=both,
            statistic="Sum",
            period=300,
            evaluation_periods=2,
            comparison_operator="GreaterThanOrEqualToThreshold",
            threshold=10,
            treat_missing_data="notBreaching",  # no answer of this kind is no data
        )
        self._alarm(
            "ui-unhealthy",
            "A webserver has failed the load balancer's health check for ten minutes. See its log group.",
            namespace="AWS/ApplicationELB",
            metric_name="UnHealthyHostCount",
            dimensions=both,
            statistic="Maximum",
            period=60,
            evaluation_periods=10,
            comparison_operator="GreaterThanThreshold",
            threshold=0,
            treat_missing_data="notBreaching",  # no webserver by its schedule is no data
        )

    def _database(self, config: RdsDatabase, identifier: pulumi.Output[str]) -> None:
        common: dict[str, Any] = {
            "namespace": "AWS/RDS",
            "dimensions": {"DBInstanceIdentifier": identifier},
            "period": 300,
            "treat_missing_data": "missing",  # RDS is silent while it is stopped, and says so itself
        }
        self._alarm(
            "database-storage",
            "The database has had less than a tenth of its first storage free for half an hour: by then it should have"
            " grown. Raise database.max_storage, or trim the metadata with `airflow db clean`.",
            metric_name="FreeStorageSpace",
            statistic="Minimum",
            evaluation_periods=6,
            comparison_operator="LessThanThreshold",
            threshold=config.storage * GIB // 10,
            **common,
        )
        self._alarm(
            "database-connections",
            "The database has four fifths of the connections that it allows; past that it refuses them. Take a larger"
            " database.instance_class, or fewer workers.",
            metric_name="DatabaseConnections",
            statistic="Maximum",
            evaluation_periods=3,
            comparison_operator="GreaterThanThreshold",
            threshold=config.max_connections * 4 // 5,
            **common,
        )
