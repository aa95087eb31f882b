"""Airflow's environment on AWS: every difference from a local stack is listed, and every listed one is there."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from pydantic import ValidationError

from airflow_stack.airflow import describe
from airflow_stack.backends.aws.plan.environment import (
    DIFFERENCES,
    Facts,
    environment,
    role_environment,
    roles,
)
from airflow_stack.config import AwsConfig, LocalConfig
from backends.aws.recorded import REGION, config

HTTPS = {
    "allowed_cidrs": ["203.0.113.0/24"],
    "domain": "airflow.example.com",
    "hosted_zone_id": "Z0123456789ABCDEFGHIJ",
}
ROLES = ("webserver", "scheduler", "triggerer", "worker", "one-off")


def facts(stack: AwsConfig) -> Facts:
    """Of a stack that is made up."""
    queue = f"https://sqs.{REGION}.amazonaws.com/123456789012/airflow" if stack.broker.kind == "sqs" else None
    return Facts(region=REGION, bucket="airflow-data-0a1b2c3", queue_url=queue, url="https://airflow.example.com")


def on_aws(stack: AwsConfig, role: str) -> dict[str, str]:
    """All variables of a role's container."""
    described = describe(stack)
    found = roles(described)[role]
    own = role_environment(stack, found.spec)
    return described.environment | environment(stack, facts(stack)) | found.environment | own


def on_this_machine(stack: LocalConfig, role: str) -> dict[str, str]:
    """All variables of the same role's container on this machine."""
    described = describe(stack)
    found = next((one for one in described.roles if one.name == role), described.init)
    return described.environment | found.environment


def difference(aws: AwsConfig, local: LocalConfig) -> set[str]:
    """Names of the variables that one has and the other has not, or with another value."""
    names: set[str] = set()
    for role in ROLES:
        ours, theirs = on_aws(aws, role), on_this_machine(local, role)
        names |= {name for name in ours.keys() | theirs.keys() if ours.get(name) != theirs.get(name)}
    return names


def test_every_difference_is_listed_with_a_reason() -> None:
    """The same options on both targets, but for the table; and the table holds nothing that is not so."""
    found = difference(config({"load_balancer": HTTPS}), LocalConfig())
    assert found == DIFFERENCES.keys()
    assert all(DIFFERENCES.values())


@pytest.mark.parametrize(
    "sections",
    [
        {"broker": {"kind": "elasticache"}},
        {"airflow": {"options": {"core": {"default_timezone": "Europe/Berlin"}}}},
        {"worker": {"concurrency": 2}, "webserver": {"workers": 1}},
        {"database": {"kind": "external"}},
    ],
    ids=["elasticache", "option", "sizes", "external-database"],
)
def test_what_a_user_sets_is_the_same_on_both(sections: dict[str, Any]) -> None:
    """A section that both targets know differs in nothing that the table does not name."""
    local = {key: value for key, value in sections.items() if key not in {"broker", "database"}}
    assert difference(config(**sections), LocalConfig.model_validate(local)) <= DIFFERENCES.keys()


def test_the_roles_are_those_of_every_target_and_the_one_off_task() -> None:
    """A role without a task definition would not run."""
    assert tuple(roles(describe(config()))) == ROLES


def test_the_one_off_task_has_what_the_migration_reads() -> None:
    """Init's environment and secrets, under a command that does no harm."""
    described = describe(config())
    one_off = roles(described)["one-off"]
    assert one_off.environment == described.init.environment
    assert one_off.environment["AIRFLOW_STACK_MIGRATE"] == "true"
    assert "admin_password" in one_off.secrets
    assert one_off.command == ("airflow", "version")


def test_task_logs_go_to_the_bucket_without_a_look_up() -> None:
    """A connection's name would be asked for in Secrets Manager and the database, for each log."""
    found = environment(config(), facts(config()))
    assert found["AIRFLOW__LOGGING__REMOTE_LOGGING"] == "True"
    assert found["AIRFLOW__LOGGING__REMOTE_BASE_LOG_FOLDER"] == "s3://airflow-data-0a1b2c3/task-logs"
    assert "AIRFLOW__LOGGING__REMOTE_LOG_CONN_ID" not in found


def test_secrets_manager_is_asked_below_the_stacks_own_names() -> None:
    """Prefixes that the task roles may read, and patterns that save calls."""
    stack = config({"name": "team-a", "secrets_lookup": {"connections": "^aws_", "variables": "^secret_"}})
    found = environment(stack, facts(stack))
    assert json.loads(found["AIRFLOW__SECRETS__BACKEND_KWARGS"]) == {
        "connections_prefix": "team-a/connections",
        "connections_lookup_pattern": "^aws_",
        "variables_prefix": "team-a/variables",
        "variables_lookup_pattern": "^secret_",
        "config_prefix": "team-a/config",
    }
    assert found["AIRFLOW__SECRETS__BACKEND"].endswith(".SecretsManagerBackend")


@pytest.mark.parametrize(("seconds", "cached"), [(900, "True"), (0, "False")])
def test_answers_are_remembered_as_long_as_config_says(seconds: int, cached: str) -> None:
    """Nought seconds is no cache: Airflow would else start a process for one that forgets at once."""
    stack = config({"secrets_lookup": {"cache_seconds": seconds}})
    found = environment(stack, facts(stack))
    assert found["AIRFLOW__SECRETS__USE_CACHE"] == cached
    assert found["AIRFLOW__SECRETS__CACHE_TTL_SECONDS"] == str(seconds)


def test_statsd_sends_what_is_allowed_and_no_more() -> None:
    """Patterns of Airflow's: a name must begin with one of them, and a dot is a dot."""
    stack = config({"metrics": {"allow": ["scheduler_heartbeat", "pool.open_slots"]}})
    found = environment(stack, facts(stack))
    assert found["AIRFLOW__METRICS__STATSD_ON"] == "True"
    assert (found["AIRFLOW__METRICS__STATSD_HOST"], found["AIRFLOW__METRICS__STATSD_PORT"]) == ("localhost", "8125")
    patterns = found["AIRFLOW__METRICS__METRICS_ALLOW_LIST"].split(",")

    def sent(name: str) -> bool:
        return any(re.findall(pattern, name) for pattern in patterns)

    assert sent("scheduler_heartbeat")
    assert sent("pool.open_slots.default_pool")
    assert not sent("dag.pool.open_slots")
    assert not sent("pool_open_slots")


def test_without_statsd_metrics_are_the_users_own_matter() -> None:
    """Nobody listens: nothing is sent, and nothing is said about it."""
    stack = config({"metrics": {"statsd": False}})
    assert not [name for name in environment(stack, facts(stack)) if "METRICS" in name]


def test_the_queue_is_named_where_there_is_one() -> None:
    """An empty variable would be taken for a queue."""
    assert environment(config(), facts(config()))["AIRFLOW_STACK_SQS_QUEUE_URL"].startswith("https://sqs.")
    other = config(broker={"kind": "elasticache"})
    assert "AIRFLOW_STACK_SQS_QUEUE_URL" not in environment(other, facts(other))


def test_cookies_are_for_https_where_there_is_https() -> None:
    """With plain HTTP a secure cookie would never come back, and nobody could log in."""
    name = "AIRFLOW__WEBSERVER__COOKIE_SECURE"
    stack = config({"load_balancer": HTTPS})
    assert environment(stack, facts(stack))[name] == "True"
    assert name not in environment(config(), facts(config()))


def test_headers_that_a_browser_can_forge_are_not_believed() -> None:
    """The load balancer sets X-Forwarded-For, -Proto and -Port, and passes the others on."""
    found = environment(config(), facts(config()))
    assert found["AIRFLOW__WEBSERVER__PROXY_FIX_X_HOST"] == "0"
    assert found["AIRFLOW__WEBSERVER__PROXY_FIX_X_PREFIX"] == "0"


def test_a_default_gives_way_to_the_users_option() -> None:
    """Rule: what is the user's to say is said by one variable alone."""
    stack = config(airflow={"options": {"logging": {"delete_local_logs": "something"}}})
    assert "AIRFLOW__LOGGING__DELETE_LOCAL_LOGS" not in environment(stack, facts(stack))
    assert on_aws(stack, "worker")["AIRFLOW__LOGGING__DELETE_LOCAL_LOGS"] == "something"


def test_the_pool_fits_the_instance_class() -> None:
    """Small where the database is small, Airflow's own where it is not, none where it is somebody else's."""
    size, overflow = "AIRFLOW__DATABASE__SQL_ALCHEMY_POOL_SIZE", "AIRFLOW__DATABASE__SQL_ALCHEMY_MAX_OVERFLOW"
    for database, expected in (
        ({}, ("2", "1")),
        ({"instance_class": "db.t4g.medium"}, ("5", "10")),
        ({"kind": "external"}, (None, None)),
    ):
        stack = config(database=database)
        found = environment(stack, facts(stack))
        assert (found.get(size), found.get(overflow)) == expected


def test_the_worker_alone_is_told_how_long_it_is_protected() -> None:
    """A change of it must not replace the other tasks."""
    stack = config({"worker": {"protection_minutes": 90}})
    found = {name: role_environment(stack, role.spec) for name, role in roles(describe(stack)).items()}
    assert found.pop("worker")["AIRFLOW_STACK_PROTECTION_MINUTES"] == "90"
    assert not any("PROTECTION" in name for variables in found.values() for name in variables)


def test_the_load_balancer_is_the_proxy_that_the_ui_trusts() -> None:
    """A stack on AWS has no key proxy.proxy_fix; nobody else reads the option."""
    stack = config()
    trusting = {
        name for name in roles(describe(stack))
        if on_aws(stack, name).get("AIRFLOW__WEBSERVER__ENABLE_PROXY_FIX") == "True"
    }  # fmt: skip
    assert trusting == {"webserver"}


def test_no_variable_is_empty() -> None:
    """What ECS makes of an empty value is said nowhere."""
    assert all(environment(config(), facts(config())).values())


@pytest.mark.parametrize("name", sorted(environment(config({"load_balancer": HTTPS}), facts(config()))))
def test_what_the_stack_sets_is_the_users_or_refused(name: str) -> None:
    """An option of the user never vanishes behind ours: config refuses it, or ours gives way."""
    if not name.startswith("AIRFLOW__"):
        return
    _, section, key = name.lower().split("__")
    options = {"airflow": {"options": {section: {key: "7"}}}}
    try:
        stack = config({"load_balancer": HTTPS}, **options)
    except ValidationError:
        return
    assert on_aws(stack, "worker")[name] == "7"
