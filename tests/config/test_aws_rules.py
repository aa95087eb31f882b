"""Rules of AWS that join keys: options that are the stack's own there, and connections that the database takes."""

from __future__ import annotations

from typing import Any

import models
import pytest

from airflow_stack.config import AwsConfig, ConfigError, LocalConfig, parse
from airflow_stack.config.aws import options
from airflow_stack.config.aws.connections import POOLS, Pool, connections, pool

AWS: dict[str, Any] = {
    "kind": "aws",
    "region": "eu-central-1",
    "load_balancer": {"allowed_cidrs": ["203.0.113.0/24"], "plain_http": True},
}


def stack(target: dict[str, Any] | None = None, **sections: Any) -> AwsConfig:
    """A stack on AWS; ConfigError with the text for the user where it is none."""
    return models.aws(parse({"target": AWS | (target or {})} | sections, set(), "prod")[0])


def option(name: str, **sections: Any) -> dict[str, Any]:
    section, _, key = name.rpartition(".")
    return {"airflow": {"options": {section: {key: "something"}}}} | sections


def refusal(target: dict[str, Any] | None = None, **sections: Any) -> str:
    """What a user is told, who asks for this."""
    with pytest.raises(ConfigError) as error:
        stack(target, **sections)
    return str(error.value)


def names(table: dict[tuple[str, str], str]) -> list[str]:
    return [f"{section}.{key}" for section, key in table]


@pytest.mark.parametrize("name", [*names(options.ESSENTIAL), *names(options.SQS), *names(options.STATSD)])
def test_an_option_of_the_stack_is_refused_and_the_way_named(name: str) -> None:
    """With the key, the reason or what to do instead, and the command that removes it."""
    section, _, key = name.rpartition(".")
    table = options.ESSENTIAL | options.SQS | options.STATSD
    text = refusal(**option(name))
    assert f"airflow-stack:airflow.options.{name}: belongs to the stack on AWS; {table[section, key]}" in text
    assert "pulumi config rm --stack prod --path" in text


def test_an_option_by_another_spelling_is_the_same_option() -> None:
    """Airflow's variables have _ for a section's dots."""
    assert "belongs to the stack" in refusal(**option("celery.broker_transport_options.region"))


@pytest.mark.parametrize("name", names(options.ESSENTIAL))
def test_here_it_is_the_users(name: str) -> None:
    """A local stack leaves these options alone."""
    LocalConfig.model_validate(option(name))


def test_with_redis_the_options_of_sqs_are_the_users() -> None:
    """They mean something there."""
    for name in names(options.SQS):
        stack(**option(name, broker={"kind": "elasticache"}))


def test_without_an_agent_the_options_of_statsd_are_the_users() -> None:
    """Who has a statsd server of his own sends there."""
    for name in names(options.STATSD):
        stack({"metrics": {"statsd": False}}, **option(name))


def test_an_empty_list_of_metrics_is_refused() -> None:
    """To Airflow it means all, which would be paid for."""
    assert "an empty list is all of them" in refusal({"metrics": {"allow": []}})


def test_the_default_stack_fits_its_database() -> None:
    """Five workers with four tasks each, and the smallest instance."""
    default = stack()
    assert default.task_slots == 20
    assert connections(default, pool(default)) <= default.database.max_connections  # type: ignore[union-attr]


def test_connections_are_counted_by_hand() -> None:
    """So that nobody changes the arithmetic unseen: the default stack, with pools of three."""
    tasks = 20 * 3
    workers = 5
    webserver = 2 * 2 * (2 + 1)
    scheduler = 4 + 2 + 1
    triggerer = 2 * (3 + 1)
    one_off = 3
    assert connections(stack(), Pool(2, 1)) == tasks + workers + webserver + scheduler + triggerer + one_off == 95


@pytest.mark.parametrize(
    ("target", "sections", "more"),
    [
        ({"worker": {"max": 6}}, {}, 1 + 4 * 3),
        ({}, {"worker": {"concurrency": 5}}, 5 * 3),
        ({}, {"webserver": {"workers": 3}}, 2 * 2),
        ({"webserver": {"cpu": 256, "memory": 1024, "count": 2}}, {}, 2 * 6),
        ({"scheduler": {"count": 2}}, {}, 7),
        ({"triggerer": {"cpu": 256, "memory": 512, "count": 2}}, {}, 2 * 16),
        ({}, {"airflow": {"options": {"scheduler": {"parsing_processes": 4}}}}, 2),
        ({}, {"airflow": {"options": {"webserver": {"worker_class": "gevent"}}}}, 2 * 2 * 2 * 14),
        ({}, {"airflow": {"options": {"core": {"parallelism": 10}}}}, -10 * 2),
        ({}, {"airflow": {"options": {"core": {"parallelism": 0}}}}, 0),
    ],
)
def test_what_is_asked_for_is_counted(target: dict[str, Any], sections: dict[str, Any], more: int) -> None:
    """Each number of the config that opens connections."""
    large = {"database": {"instance_class": "db.t4g.large"}}
    each = Pool(5, 10)
    assert connections(stack(target, **large, **sections), each) - connections(stack(**large), each) == more


def test_a_stack_that_opens_more_is_refused_with_the_class_that_fits() -> None:
    """The message names what to change; the command mends it."""
    text = refusal({"worker": {"max": 20}})
    assert (
        "airflow-stack:database.instance_class: db.t4g.micro takes 96 connections, and target.worker.max 20 with"
        " worker.concurrency 4 and the services open up to 290" in text
    )
    assert "pulumi config set --stack prod --path airflow-stack:database.instance_class db.t4g.medium" in text
    stack({"worker": {"max": 20}}, database={"instance_class": "db.t4g.medium"})


def test_where_no_class_of_the_family_fits_none_is_named() -> None:
    """5,000 connections are the most that RDS sets."""
    text = refusal({"worker": {"max": 1000}}, worker={"concurrency": 16})
    assert "db.t4g.micro takes 96 connections" in text
    assert "config set" not in text


def test_an_external_database_is_its_owners() -> None:
    """Its limit is not known here."""
    many = AwsConfig.model_validate({"target": AWS | {"worker": {"max": 20}}, "database": {"kind": "external"}})
    assert pool(many) == POOLS[0]


def test_pools_are_as_large_as_fits() -> None:
    """Airflow's own where there is room, smaller ones before the stack is refused."""
    assert pool(stack()) == Pool(2, 1)
    assert pool(stack({"worker": {"max": 4}})) == Pool(5, 5)
    assert pool(stack(database={"instance_class": "db.t4g.small"})) == POOLS[0]


@pytest.mark.parametrize(
    ("own", "expected"),
    [
        ({"sql_alchemy_pool_size": 3}, Pool(3, 10)),
        ({"sql_alchemy_max_overflow": "0"}, Pool(5, 0)),
        ({"sql_alchemy_pool_size": 1, "sql_alchemy_max_overflow": 2}, Pool(1, 2)),
    ],
)
def test_a_users_own_pool_is_taken_and_counted(own: dict[str, Any], expected: Pool) -> None:
    """As Airflow reads it, with its default for the other number."""
    large = {"database": {"instance_class": "db.t4g.large"}}
    assert pool(stack(airflow={"options": {"database": own}}, **large)) == expected


@pytest.mark.parametrize("own", [{"sql_alchemy_pool_size": 0}, {"sql_alchemy_max_overflow": -1}])
def test_a_pool_without_a_limit_is_refused(own: dict[str, Any]) -> None:
    """No instance class takes any number."""
    assert "are no limit" in refusal(airflow={"options": {"database": own}})


@pytest.mark.parametrize("uses", [{}, {"metrics": {"statsd": False}, "logs": {"firelens": True}}])
def test_images_that_no_endpoint_leads_to_are_refused(uses: dict[str, Any]) -> None:
    """A task whose side images can't be pulled never starts."""
    target = {"egress": "vpc_endpoints"} | uses
    assert "airflow-stack:target.side_images: is needed with egress vpc_endpoints" in refusal(target)
    stack(target | {"side_images": "123456789012.dkr.ecr.eu-central-1.amazonaws.com/public"})
    stack({"egress": "vpc_endpoints", "metrics": {"statsd": False}})


HOURS = {"start": "0 7 ? * MON-FRI *", "stop": "0 20 ? * MON-FRI *", "time_zone": "Europe/Berlin"}


def test_the_scheduler_has_hours_where_the_workers_have_them() -> None:
    """Rule: whoever publishes the workers' metric is not away while nothing else stops them."""
    text = refusal({"scheduler": {"schedule": HOURS}})
    assert "airflow-stack:target.worker.schedule: is needed with scheduler.schedule" in text
    assert '"stop": "0 20 ? * MON-FRI *"' in text, "the scheduler's own hours are the example"
    stack({"scheduler": {"schedule": HOURS}, "worker": {"schedule": HOURS}})
    for role in ("worker", "webserver", "triggerer"):
        stack({role: {"schedule": HOURS}})


@pytest.mark.parametrize(
    ("way", "most"),
    [
        ({"plain_http": True}, 60),
        ({"domain": "airflow.example.com", "hosted_zone_id": "Z0123456789ABCDEFGHIJ"}, 30),
    ],
)
def test_the_networks_fit_a_security_group(way: dict[str, Any], most: int) -> None:
    """Rule: as many networks as AWS's default quota of 60 inbound rules holds, and not one more."""
    networks = [f"10.{number}.0.0/24" for number in range(most + 1)]
    stack({"load_balancer": {"allowed_cidrs": networks[:most]} | way})
    text = refusal({"load_balancer": {"allowed_cidrs": networks} | way})
    assert f"target.load_balancer.allowed_cidrs: must name at most {most} networks, not {most + 1}" in text
    assert "edit Pulumi.prod.yaml" in text


@pytest.mark.parametrize("user", ["admin", "rdsadmin", "rds_superuser", "pg_airflow", "_airflow"])
def test_rds_is_not_asked_for_a_user_that_it_refuses(user: str) -> None:
    """CreateDBInstance would say so after ten minutes of an update."""
    text = refusal(database={"kind": "rds", "user": user})
    assert "airflow-stack:database.user: " in text
    assert "pulumi config set --stack prod --path airflow-stack:database.user airflow" in text


def test_rds_is_not_asked_for_a_database_that_it_refuses() -> None:
    """A database's name begins with a letter."""
    assert "airflow-stack:database.name: must start with a letter" in refusal(database={"kind": "rds", "name": "_a"})


def test_versions_of_postgres_are_those_without_a_surcharge() -> None:
    """13 is in paid extended support since February 2026."""
    assert "'14', '15', '16' or '17'" in refusal(database={"kind": "rds", "version": "13"})
    assert stack(database={"kind": "rds", "version": "17"}).database.version == "17"  # type: ignore[union-attr]


@pytest.mark.parametrize("region", ["cn-north-1", "us-iso-east-1", "us-isob-east-1"])
def test_a_partition_with_other_names_is_refused(region: str) -> None:
    """Endpoints, images of the sidecars and services have other names there."""
    assert "airflow-stack:target.region: is a region of a partition" in refusal({"region": region})
    assert stack({"region": "us-gov-west-1"}).target.region == "us-gov-west-1"


def test_a_worker_stops_within_what_fargate_allows() -> None:
    """Rule: the key means the same on both targets, or is refused with the reason and the command that fixes it."""
    assert stack(worker={"stop_timeout": 120}).worker.stop_timeout == 120
    text = refusal(worker={"stop_timeout": 121})
    assert (
        "airflow-stack:worker.stop_timeout: 121 is too long for AWS: Fargate kills a container after 120 seconds"
        in text
    )
    assert "worker.stop_timeout 120" in text
    assert LocalConfig.model_validate({"worker": {"stop_timeout": 7200}}).worker.stop_timeout == 7200
