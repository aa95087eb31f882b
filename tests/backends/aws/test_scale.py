"""docs/scale.md says what the model, the prices and the simulation say; and the simulation, what must hold."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from airflow_stack.config import AwsConfig
from airflow_stack.config.aws.services import WorkersConfig

PROGRAM = Path(__file__).parents[3]
sys.path.append(str(PROGRAM))

from benchmarks import autoscaling, scale  # noqa: E402 - of the program's directory

PAGE = (PROGRAM / "docs/scale.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("table", [scale.totals, scale.holds, scale.costs, autoscaling.table])
def test_the_page_has_the_numbers_of_the_code(table: Any) -> None:
    """After a change: run the benchmark, and put its table there."""
    assert table() in PAGE


@pytest.mark.parametrize("case", autoscaling.CASES, ids=str)
@pytest.mark.parametrize("count_running", [True, False])
def test_workers_go_from_zero_to_n_and_back_without_killing_a_task(case: str, count_running: bool) -> None:
    """All tasks end, none is killed, no bound is passed, and in the end nothing runs and nothing is wanted."""
    arrivals = autoscaling.CASES[case]
    run = autoscaling.simulate(WorkersConfig(max=50), 4, arrivals, count_running=count_running)
    assert (run.done, run.killed) == (sum(map(len, arrivals.values())), 0)
    assert run.desired[0] == run.desired[-1] == 0
    assert 1 < max(run.desired) <= 50
    assert run.zero_again is not None


def test_without_protection_tasks_are_killed() -> None:
    """The simulation would see it."""
    run = autoscaling.simulate(
        WorkersConfig(max=50), 4, autoscaling.CASES["95 of 2 minutes, 5 of an hour"], protection=False
    )
    assert run.killed > 0


@pytest.mark.parametrize("count_running", [True, False])
def test_by_the_desired_workers_exactly_as_many_come_as_are_needed(count_running: bool) -> None:
    """A hundred tasks on workers of four slots; by the running ones, more come."""
    arrivals = {600: [3000] * 100}
    exact, more = (
        autoscaling.simulate(WorkersConfig(max=50), 4, arrivals, count_running=count_running, publish_running=running)
        for running in (False, True)
    )
    assert exact.most == 25
    assert 25 <= more.most <= 50


def test_the_least_workers_stay() -> None:
    """And the first task does not wait for one."""
    run = autoscaling.simulate(WorkersConfig(min=2, max=25), 4, {600: [300] * 8})
    assert run.first_start == 600
    assert min(run.desired) == 2


def test_what_is_on_the_page_about_quotas_is_in_the_model() -> None:
    """Addresses and connections of the three sizes."""
    import ipaddress

    from airflow_stack.backends.aws.plan.network import subnets

    default = subnets("10.0.0.0/21", ["a", "b"])[0].public
    assert ipaddress.ip_network(default).num_addresses - 5 == 251
    for one in scale.SCALES:
        assert isinstance(one.config, AwsConfig)
        services = sum(getattr(one.config.target, role).count for role in ("webserver", "scheduler", "triggerer"))
        assert f"| {one.config.target.worker.max + services}" in PAGE
        roles = ("webserver", "scheduler")
        on_demand = one.config.target.worker.max * one.config.target.worker.cpu + sum(
            getattr(one.config.target, role).cpu * getattr(one.config.target, role).count for role in roles
        )
        assert f"{round(on_demand / 1024):,}, **met first**" in PAGE
