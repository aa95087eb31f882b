"""A task that waits without a worker. Proves that the triggerer runs triggers and hands their events back."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pendulum
from airflow.decorators import dag
from airflow.models.baseoperator import BaseOperator
from airflow.triggers.temporal import TimeDeltaTrigger

WAIT = timedelta(seconds=3)


class WaitInTheTriggerer(BaseOperator):
    """Defers for WAIT; only the triggerer's event can end it."""

    def execute(self, context: Any) -> None:
        self.defer(
            trigger=TimeDeltaTrigger(WAIT),
            method_name="resumed",
            kwargs={"deferred_at": pendulum.now("UTC").isoformat()},
        )

    def resumed(self, context: Any, event: Any, deferred_at: str) -> float:
        waited = pendulum.now("UTC") - pendulum.parse(deferred_at)
        assert event is not None, "resumed without the trigger's event"
        assert waited >= WAIT, f"resumed after {waited}, too early"
        return waited.total_seconds()


@dag(schedule=None, start_date=pendulum.datetime(2024, 1, 1), is_paused_upon_creation=False, tags=["example"])
def example_deferrable():
    WaitInTheTriggerer(task_id="wait_in_the_triggerer")


example_deferrable()
