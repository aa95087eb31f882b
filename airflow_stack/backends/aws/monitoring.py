"""Dashboard and alarms, and whom they tell."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pulumi
from pulumi_aws import cloudwatch

from airflow_stack.backends.aws.dashboard import Watched, dashboard
from airflow_stack.backends.aws.known import Known, filled
from airflow_stack.backends.aws.notifications import Notifications
from airflow_stack.backends.aws.plan import refs
from airflow_stack.backends.aws.plan.alarms import Alarm, Composite, Formula, Metric, Watching
from airflow_stack.backends.aws.service_events import ServiceEvents


class Monitoring(pulumi.ComponentResource):
    """A dashboard and the alarms, which are there whether somebody is told or not: the dashboard shows them."""

    topic_arn: pulumi.Output[str] | None = None
    """Of SNS, where somebody is told."""
    dashboard_name: pulumi.Output[str]
    alarms: dict[str, cloudwatch.MetricAlarm]
    """By purpose."""

    def __init__(
        self,
        name: str,
        prefix: str,
        region: str,
        watching: Watching,
        *,
        cluster_arn: pulumi.Output[str],
        service_names: Mapping[str, pulumi.Output[str]],
        known: Known,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """``known`` is what the alarms and graphs are about, but for the services, which are by role."""
        super().__init__("airflow-stack:aws:Monitoring", name, None, opts)
        self._name = name
        self._prefix = prefix
        child = pulumi.ResourceOptions(parent=self)
        self._actions: list[pulumi.Output[str]] = []
        if watching.email is not None:
            told = Notifications(f"{name}-notifications", prefix, watching.email, cluster_arn, child)
            self.topic_arn = told.topic_arn
            self._actions = [told.topic_arn]
        events = ServiceEvents(f"{name}-services", prefix, watching.event_days, cluster_arn, child)
        self._known = {
            **known,
            **{refs.service_name(role): output for role, output in service_names.items()},
            refs.EVENT_RULE: events.rule_name,
        }
        self.alarms = {alarm.purpose: self._alarm(alarm) for alarm in watching.alarms}
        for composite in watching.composites:
            self._composite(composite)

        def body(names: dict[str, Any]) -> str:
            return dashboard(
                Watched(
                    region=region,
                    namespace=watching.namespace,
                    max_connections=watching.max_connections,
                    airflow_metrics=watching.airflow_metrics,
                    elastic=watching.elastic,
                    **(names | {"alarms": tuple(names["alarms"])}),
                )
            )

        node = refs.cache_node()
        self.dashboard_name = cloudwatch.Dashboard(
            f"{name}-dashboard",
            dashboard_name=prefix,
            dashboard_body=pulumi.Output.all(
                cluster=known[refs.CLUSTER_NAME],
                services=dict(service_names),
                load_balancer=known[refs.LOAD_BALANCER],
                target_group=known[refs.TARGET_GROUP],
                database=known.get(refs.DATABASE),
                queue=known.get(refs.QUEUE_NAME),
                dead_letters=known.get(refs.DEAD_LETTER_NAME),
                cache=filled(node, known) if refs.CACHE_ID in known else None,
                alarms=[alarm.arn for _, alarm in sorted(self.alarms.items())],
            ).apply(body),
            opts=child,
        ).dashboard_name
        self.register_outputs({})

    def _alarm(self, alarm: Alarm) -> cloudwatch.MetricAlarm:
        actions = self._actions if alarm.tells else []
        return cloudwatch.MetricAlarm(
            f"{self._name}-{alarm.purpose}",
            name=f"{self._prefix}-{alarm.purpose}",
            alarm_description=alarm.description,
            alarm_actions=actions,
            ok_actions=actions,
            evaluation_periods=alarm.periods,
            comparison_operator=alarm.comparison,
            threshold=alarm.threshold,
            treat_missing_data=alarm.missing,
            opts=pulumi.ResourceOptions(parent=self),
            **self._watched(alarm),
        )

    def _watched(self, alarm: Alarm) -> dict[str, Any]:
        if isinstance(alarm.watches, Formula):
            return {"metric_queries": self._queries(alarm.watches)}
        metric = alarm.watches
        namespace: pulumi.Input[str] = metric.namespace
        if alarm.after is not None:
            namespace = self._known[alarm.after].apply(lambda _: metric.namespace)
        return {
            "namespace": namespace,
            "metric_name": metric.name,
            "dimensions": self._dimensions(metric),
            "statistic": metric.statistic,
            "period": metric.period,
        }

    def _queries(self, formula: Formula) -> list[cloudwatch.MetricAlarmMetricQueryArgs]:
        metrics = [
            cloudwatch.MetricAlarmMetricQueryArgs(
                id=id_,
                metric=cloudwatch.MetricAlarmMetricQueryMetricArgs(
                    namespace=metric.namespace,
                    metric_name=metric.name,
                    dimensions=self._dimensions(metric),
                    stat=metric.statistic,
                    period=metric.period,
                ),
                return_data=False,
            )
            for id_, metric in formula.metrics.items()
        ]
        result = cloudwatch.MetricAlarmMetricQueryArgs(
            id=formula.id, expression=formula.expression, label=formula.label, return_data=True
        )
        return [*metrics, result]

    def _dimensions(self, metric: Metric) -> dict[str, pulumi.Input[str]]:
        return {key: filled(value, self._known) for key, value in metric.dimensions.items()}

    def _composite(self, composite: Composite) -> None:
        cloudwatch.CompositeAlarm(
            f"{self._name}-{composite.purpose}",
            alarm_name=f"{self._prefix}-{composite.purpose}",
            alarm_description=composite.description,
            alarm_rule=self.alarms[composite.of].name.apply(lambda name: f'ALARM("{name}")'),
            actions_suppressor=cloudwatch.CompositeAlarmActionsSuppressorArgs(
                alarm=self.alarms[composite.unless].name,
                wait_period=composite.wait,
                extension_period=composite.extension,
            ),
            alarm_actions=self._actions,
            ok_actions=self._actions,
            opts=pulumi.ResourceOptions(parent=self),
        )
