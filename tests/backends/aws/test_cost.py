"""What a stack on AWS is said to cost: single lines by hand, totals, and what it must never do."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import models
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_stack import cli
from airflow_stack.backends.aws.plan import side_containers
from airflow_stack.config import AwsConfig
from airflow_stack.config.aws.services import Capacity, Schedule
from airflow_stack.config.aws.types import RDS_MEMORY
from airflow_stack.cost import Item, Load, PriceError, assumptions, estimate, prices
from airflow_stack.cost.estimate import spot_share
from airflow_stack.cost.hours import hours_per_week, minutes, share
from backends.aws.recorded import SMALLEST, planned

PROGRAM = Path(__file__).parents[3]
NIGHTLY = PROGRAM / "tests/config/golden/prod.ok.smallest-with-nightly-schedules.yaml"
OFFICE = {"start": "0 7 ? * MON-FRI *", "stop": "0 20 ? * MON-FRI *"}
MONTH = 730


def stack(target: dict[str, Any] | None = None, **sections: Any) -> AwsConfig:
    """The least that a stack on AWS has to say, in us-east-1."""
    return AwsConfig.model_validate(
        {"target": SMALLEST["target"] | {"region": "us-east-1"} | (target or {})} | sections
    )


def read(file: Path, directory: Path) -> AwsConfig:
    shutil.copy(file, directory / "Pulumi.prod.yaml")
    return models.aws_file(directory)


def usd(config: AwsConfig, load: Load | None = None) -> float:
    return estimate(planned(config), load or Load()).usd


def item(config: AwsConfig, service: str, what: str, load: Load | None = None) -> Item:
    """The one line whose description begins so."""
    found = [
        one
        for one in estimate(planned(config), load or Load()).items
        if one.service == service and one.what.startswith(what)
    ]
    assert len(found) == 1, [one.what for one in estimate(planned(config)).items]
    return found[0]


def test_the_default_stack_costs_at_most_80_usd_idle(tmp_path: Path) -> None:
    """Rule of the stack: Pulumi.prod.yaml in us-east-1, with everything that runs and is kept while nothing is done."""
    assert usd(read(PROGRAM / "Pulumi.prod.yaml", tmp_path)) <= 80


def test_the_smallest_stack_costs_at_most_60_usd_idle(tmp_path: Path) -> None:
    """Rule of the stack: with nightly schedules."""
    assert usd(read(NIGHTLY, tmp_path)) <= 60


@pytest.mark.parametrize(
    ("service", "what", "by_hand"),
    [
        ("Fargate", "webserver: 0.25 vCPU (Spot)", 0.25 * 0.03238 * 730 * 0.4),
        ("Fargate", "webserver: 1 GB (Spot)", 0.00356 * 730 * 0.4),
        ("Fargate", "scheduler: 0.5 vCPU", 0.5 * 0.03238 * 730),
        ("Fargate", "triggerer: 0.25 vCPU (Spot)", 0.25 * 0.03238 * 730 * 0.4),
        ("Load balancer", "hours", 0.0225 * 730),
        ("Load balancer", "public IPv4", 2 * 0.005 * 730),
        ("Network", "public IPv4", 3 * 0.005 * 730),
        ("RDS", "db.t4g.micro", 0.016 * 730),
        ("RDS", "gp3", 20 * 0.115),
        # Fernet, webserver, internal API, database, result backend, admin.
        ("Secrets Manager", "secrets", 6 * 0.40),
        # Heartbeat, services, UI twice, database twice, what waits and what is taken of the queue, dead letters.
        ("CloudWatch", "alarms, by metric", 9 * 0.10),
        ("CloudWatch", "alarms of the autoscaler", 2 * 0.10),
        ("CloudWatch", "dashboard", 3.00),
        # The ratio, waiting and running tasks; the heartbeat, three of the executor, import errors.
        ("CloudWatch", "metrics of the stack", 8 * 0.30),
        ("CloudWatch", "requests", (730 * 60 + 730 * 60) / 1000 * 0.01),
    ],
)
def test_a_line_of_the_default_stack_by_hand(service: str, what: str, by_hand: float) -> None:
    """Quantity times the price on AWS's page."""
    assert item(stack(), service, what).usd == pytest.approx(by_hand, abs=0.001)


def test_no_worker_is_paid_for_while_none_runs() -> None:
    """They start from zero."""
    assert not [one for one in estimate(planned(stack())).items if one.what.startswith("worker")]


def test_a_load_by_hand() -> None:
    """2,000 tasks of 3 minutes a day on workers of 4 slots, which are busy for 60 %."""
    load = Load(2000, 3)
    hours = 2000 * 730 / 24 * 3 / 60 / (4 * 0.6)
    assert item(stack(), "Fargate", "worker: 1 vCPU", load).usd == pytest.approx(hours * 0.03238)
    assert item(stack(), "Fargate", "worker: 2 GB", load).usd == pytest.approx(hours * 2 * 0.00356)
    assert item(stack(), "Network", "public IPv4", load).quantity == pytest.approx(3 * MONTH + hours)
    assert item(stack(), "Secrets Manager", "calls", load).usd == pytest.approx(2 * 2000 * 730 / 24 * 0.05 / 10_000)


def test_a_load_beyond_the_workers_is_said() -> None:
    """The bill ends at worker.max, and says so."""
    month = estimate(planned(stack()), Load(1_000_000, 10))
    assert "target.worker.max is 5" in month.warnings[0]
    assert next(one for one in month.items if one.what == "worker: 1 vCPU").quantity == 5 * MONTH


def test_spot_is_paid_by_what_is_on_spot() -> None:
    """The base is on demand; of the rest, the weights."""
    assert spot_share(Capacity(), 4) == 0
    assert spot_share(Capacity(on_demand_weight=0, spot_weight=1), 4) == 1
    assert spot_share(Capacity(on_demand_base=1, on_demand_weight=1, spot_weight=3), 5) == pytest.approx(0.6)
    assert spot_share(Capacity(on_demand_base=9, on_demand_weight=0, spot_weight=1), 5) == 0


@pytest.mark.parametrize(
    ("egress", "what", "by_hand"),
    [
        ("nat", "NAT gateways", 0.045 * 730),
        ("nat_per_zone", "NAT gateways", 2 * 0.045 * 730),
        ("vpc_endpoints", "interface endpoints", 7 * 2 * 0.01 * 730),
    ],
)
def test_the_way_out_is_paid(egress: str, what: str, by_hand: float) -> None:
    """Gateways with an address each, endpoints in each zone; and then no address of a task."""
    config = stack({"egress": egress, "metrics": {"statsd": False}})
    found = [one for one in estimate(planned(config)).items if one.service == "Network" and one.what == what]
    assert found[0].usd == pytest.approx(by_hand)
    assert not [one for one in estimate(planned(config)).items if one.what == "public IPv4 addresses of tasks"]


def test_an_existing_network_s_gateways_are_its_owner_s() -> None:
    """They cost the same without this stack."""
    public, private = ["subnet-0a1b2c3d", "subnet-1a1b2c3d"], ["subnet-2a1b2c3d", "subnet-3a1b2c3d"]
    ids = {"vpc_id": "vpc-0a1b2c3d", "public_subnet_ids": public, "private_subnet_ids": private}
    network_ = {"kind": "existing"} | ids
    items = estimate(planned(stack({"network": network_, "egress": "nat"}))).items
    assert not [one for one in items if "NAT" in one.what or one.what == "public IPv4 addresses of tasks"]


def test_metrics_are_published_as_often_as_is_paid() -> None:
    """The publisher's own numbers."""
    assert assumptions.PUBLISH_SECONDS == side_containers.PUBLISH_SECONDS
    runtime = PROGRAM / "images/airflow/runtime/python/airflow_stack_runtime"
    text = (runtime / "verbs/publish.py").read_text(encoding="utf-8")
    values = text.partition("    values = (\n")[2].partition("\n    )")[0]
    assert len(values.splitlines()) == assumptions.PUBLISHED


def test_every_class_has_a_price() -> None:
    """Of the database and of the broker."""
    for region in prices.REGIONS:
        for name in RDS_MEMORY:
            assert prices.Prices(region).usd(f"rds.{name}") > 0


def test_a_price_that_was_derived_is_marked() -> None:
    """us-east-1's, times a factor."""
    config = stack({"region": "eu-central-1"}, database={"instance_class": "db.r7g.large"})
    line = item(config, "RDS", "db.r7g.large")
    assert line.derived
    assert line.unit_usd == pytest.approx(0.239 * 1.19)
    assert not item(config, "RDS", "gp3").derived
    assert not any(one.derived for one in estimate(planned(stack(database={"instance_class": "db.r7g.large"}))).items)


def test_a_region_without_prices_is_one_clear_error() -> None:
    """With those that there are."""
    with pytest.raises(PriceError, match=r"no prices for sa-east-1 .* us-east-1, eu-west-1, eu-central-1"):
        estimate(planned(stack({"region": "sa-east-1"})))


def test_every_price_has_a_source_and_a_date() -> None:
    """A page of AWS, and a month."""
    for region in prices.REGIONS.values():
        for key in region:
            url, as_of = prices.SOURCES[key.partition(".")[0]]
            assert url.startswith("https://aws.amazon.com/")
            assert as_of.startswith("202")


@pytest.mark.parametrize(
    ("start", "stop", "hours"),
    [
        ("0 7 ? * MON-FRI *", "0 20 ? * MON-FRI *", 5 * 13),
        ("0 7 ? * 2-6 *", "30 20 ? * 2-6 *", 5 * 13.5),
        ("0 7 * * ? *", "0 20 * * ? *", 7 * 13),
        ("0 22 * * ? *", "0 6 * * ? *", 7 * 8),
        ("0 6 ? * MON *", "0 18 ? * FRI *", 4 * 24 + 12),
        ("0 6 ? * FRI *", "0 6 ? * MON *", 3 * 24),
        ("0 0/6 * * ? *", "0 3/6 * * ? *", 7 * 12),
        ("0 6 ? * MON,WED *", "0 8 ? * MON,WED *", 4),
    ],
)
def test_hours_of_a_schedule(start: str, stop: str, hours: float) -> None:
    """A week's; a year is a day longer than 52 weeks, hence the tolerance."""
    assert hours_per_week(Schedule(start=start, stop=stop)) == pytest.approx(hours, rel=0.01)


def test_rare_moments_of_cron() -> None:
    """Last days, third Fridays, months, lists and steps."""
    assert len(minutes("0 0 L * ? *")) == 12
    assert len(minutes("0 0 ? * 6#3 *")) == 12
    assert len(minutes("0 0 ? * 6L *")) == 12
    assert len(minutes("0 0 1 JAN,JUL ? *")) == 2
    assert len(minutes("0/15 8-9 1 1 ? *")) == 8
    assert len(minutes("0 0 ? * SAT-SUN *")) == 104
    assert len(minutes("0 0 1W 3 ? *")) == 1
    assert share(None) == 1


def test_a_schedule_makes_it_cheaper() -> None:
    """By the hours that are off, of the tasks alone."""
    config = stack({role: {"schedule": OFFICE} for role in ("webserver", "scheduler", "triggerer", "worker")})
    off = 1 - share(Schedule(**OFFICE))
    whole, part = item(stack(), "Fargate", "scheduler: 0.5"), item(config, "Fargate", "scheduler: 0.5")
    assert part.usd == pytest.approx(whole.usd * (1 - off))
    assert item(config, "RDS", "db.t4g").usd == item(stack(), "RDS", "db.t4g").usd


sizes = st.sampled_from([(256, 512), (512, 1024), (1024, 2048), (2048, 8192)])


@settings(max_examples=60)
@given(
    least=st.integers(0, 3), more=st.integers(0, 3), tasks=st.integers(0, 20_000), extra=st.integers(0, 20_000),
    small=sizes, spot=st.booleans(),
)  # fmt: skip
def test_more_never_costs_less(
    least: int, more: int, tasks: int, extra: int, small: tuple[int, int], spot: bool
) -> None:
    """Workers, tasks, size, copies, zones, on demand instead of Spot."""
    capacity = {"on_demand_weight": 0, "spot_weight": 1} if spot else {}
    worker = {"cpu": small[0], "memory": small[1], "min": least, "max": 8, "capacity": capacity}
    database = {"instance_class": "db.t4g.large"}
    base = stack({"worker": worker}, database=database)
    known = usd(base, Load(tasks, 4))
    assert usd(base, Load(tasks + extra, 4)) >= known
    assert usd(base, Load(tasks, 5)) >= known
    for other in (
        stack({"worker": worker | {"min": least + more}}, database=database),
        stack({"worker": worker | {"max": 10}}, database=database),
        stack({"worker": worker | {"capacity": {}}}, database=database),
        stack({"worker": worker | {"cpu": 4096, "memory": 16_384}}, database=database),
        stack({"worker": worker, "webserver": {"count": 2}}, database=database),
        stack({"worker": worker, "network": {"zones": ["a", "b", "c"]}}, database=database),
        stack({"worker": worker}, database=database | {"multi_az": True}),
        stack({"worker": worker}, database=database | {"storage": 50}),
        stack({"worker": worker, "architecture": "X86_64"}, database=database),
    ):
        assert usd(other, Load(tasks, 4)) >= known - 1e-9


def run(arguments: str, directory: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Any:
    monkeypatch.setattr("sys.argv", ["airflow-stack", "cost", *arguments.split(), "-C", str(directory)])
    with pytest.raises(SystemExit) as exit_:
        cli.main()
    printed = capsys.readouterr()
    return exit_.value.code or 0, printed.out + printed.err


def test_the_command_prints_both_totals_and_the_date(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """And the same numbers as JSON."""
    config = read(PROGRAM / "Pulumi.prod.yaml", tmp_path)
    code, text = run("-s prod --tasks-per-day 2000 --minutes-per-task 3", tmp_path, monkeypatch, capsys)
    totals = f"{usd(config):10.2f}{usd(config, Load(2000, 3)):10.2f}"
    assert code == 0
    assert any(line.startswith("total") and line.endswith(totals) for line in text.splitlines()), text
    assert prices.AS_OF in text
    _, text = run("-s prod --tasks-per-day 2000 --minutes-per-task 3 --json", tmp_path, monkeypatch, capsys)
    document = json.loads(text)
    assert document["idle"]["usd"] == round(usd(config), 2)
    assert document["load"]["usd"] == round(usd(config, Load(2000, 3)), 2)
    assert document["sources"]["rds"]["url"].startswith("https://")


def test_without_a_load_idle_is_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """One column."""
    read(PROGRAM / "Pulumi.prod.yaml", tmp_path)
    _, text = run("-s prod --tasks-per-day 0", tmp_path, monkeypatch, capsys)
    assert "load" not in text.split("Load balancer")[0]


def test_a_stack_of_this_machine_has_no_bill(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """One sentence."""
    (tmp_path / "Pulumi.local.yaml").touch()
    code, text = run("-s local", tmp_path, monkeypatch, capsys)
    assert code == 1
    assert "this is for stacks on AWS" in text
