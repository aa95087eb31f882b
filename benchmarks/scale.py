"""Stacks on AWS for 100, 1,000 and 10,000 tasks at a time: what they hold and cost. Prints the tables of docs/scale.md.

    .venv/bin/python benchmarks/scale.py

On paper: the numbers come from the config model and from `airflow-stack cost`, not from AWS.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from airflow_stack.airflow import describe
from airflow_stack.backends.aws.plan import AwsPlan, aws_plan
from airflow_stack.config import AwsConfig, parse
from airflow_stack.config.aws import RdsDatabase
from airflow_stack.config.aws.connections import connections, pool
from airflow_stack.config.load import raw_from_yaml
from airflow_stack.cost import Load, estimate

PROGRAM = Path(__file__).parents[1]

HOURS_A_DAY = 8
"""In which all slots are busy; nothing runs in the others."""


@dataclass(frozen=True)
class Scale:
    """A stack for so many tasks at a time."""

    tasks: int
    minutes: int
    """That a task takes."""
    target: dict[str, Any]
    sections: dict[str, Any]

    @property
    def config(self) -> AwsConfig:
        """The whole config, in us-east-1."""
        who = {"allowed_cidrs": ["203.0.113.0/24"], "plain_http": True}
        return AwsConfig.model_validate(
            {"target": {"kind": "aws", "region": "us-east-1", "load_balancer": who} | self.target} | self.sections
        )

    @property
    def load(self) -> Load:
        """All slots busy for HOURS_A_DAY."""
        return Load(round(self.tasks * HOURS_A_DAY * 60 / self.minutes), self.minutes)

    @property
    def starts_per_second(self) -> float:
        """Tasks that the schedulers start."""
        return self.tasks / (self.minutes * 60)


SCALES = (
    Scale(100, 5, {"worker": {"max": 25}}, {"database": {"instance_class": "db.t4g.medium"}}),
    Scale(
        1_000,
        5,
        {
            "worker": {"max": 125, "cpu": 2048, "memory": 4096},
            "scheduler": {"count": 2, "cpu": 2048, "memory": 4096},
            "webserver": {"cpu": 1024, "memory": 2048, "count": 2},
        },
        {
            "worker": {"concurrency": 8},
            "database": {"instance_class": "db.r7g.xlarge", "storage": 100, "max_storage": 500},
        },
    ),
    Scale(
        10_000,
        30,
        {
            "network": {"cidr": "10.0.0.0/19"},
            "worker": {"max": 625, "cpu": 4096, "memory": 8192},
            "scheduler": {"count": 4, "cpu": 2048, "memory": 8192},
            "webserver": {"cpu": 2048, "memory": 4096, "count": 2},
        },
        {"worker": {"concurrency": 16}, "database": {"kind": "external"}},
    ),
)


def holds() -> str:
    """What each stack is made of."""
    lines = [
        "| tasks at a time | workers | vCPU of the workers | schedulers | tasks started a second | connections at most"
        " | database |",
        "|---|---|---|---|---|---|---|",
    ]
    for scale in SCALES:
        config = scale.config
        worker, scheduler, database = config.target.worker, config.target.scheduler, config.database
        named = database.instance_class if isinstance(database, RdsDatabase) else "external, with a pooler"
        cells = (
            f"{scale.tasks:,}",
            f"{worker.max} of {config.worker.concurrency} slots",
            f"{worker.max * worker.cpu // 1024:,}",
            f"{scheduler.count} of {scheduler.cpu / 1024:g} vCPU",
            f"{scale.starts_per_second:.1f}, of {scale.minutes} min",
            f"{connections(config, pool(config)):,}",
            named,
        )
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def planned(config: AwsConfig) -> AwsPlan:
    """What the bill is made of."""
    return aws_plan(config, describe(config))


def costs() -> str:
    """What each costs a month."""
    lines = [
        "| tasks at a time | idle, USD a month | busy 8 h a day, USD a month | of it workers"
        " | per 100 hours of tasks |",
        "|---|---|---|---|---|",
    ]
    for scale in SCALES:
        plan = planned(scale.config)
        idle, busy = estimate(plan), estimate(plan, scale.load)
        assert not busy.warnings, busy.warnings
        workers = sum(item.usd for item in busy.items if item.what.startswith("worker"))
        lines.append(
            f"| {scale.tasks:,} | {idle.usd:,.0f} | {busy.usd:,.0f} | {workers:,.0f}"
            f" | {busy.usd / (scale.load.tasks * scale.minutes / 60) * 100:.2f} |"
        )
    return "\n".join(lines)


def totals() -> str:
    """The stack file of the repository, and the smallest stack there is."""
    lines = ["| stack, us-east-1 | idle, USD a month | 1,000 tasks a day of 5 minutes |", "|---|---|---|"]
    smallest = "tests/config/golden/prod.ok.smallest-with-nightly-schedules.yaml"
    for name, file in (
        ("`Pulumi.prod.yaml`, all defaults", "Pulumi.prod.yaml"),
        ("the smallest, by night off", smallest),
    ):
        raw, secret_keys = raw_from_yaml((PROGRAM / file).read_text(encoding="utf-8"), file)
        config, _ = parse(raw, secret_keys, "prod")
        assert isinstance(config, AwsConfig), file
        plan = planned(config)
        lines.append(f"| {name} | {estimate(plan).usd:.2f} | {estimate(plan, Load(1000, 5)).usd:.2f} |")
    return "\n".join(lines)


if __name__ == "__main__":
    print(totals(), holds(), costs(), sep="\n\n")
