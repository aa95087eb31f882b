"""Container definitions: byte for byte, without a secret, and with all that AWS would fill in.

After a wanted change: UPDATE_GOLDEN=1 pytest tests/backends/aws/test_container_definitions.py, and read the diff.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from airflow_stack.airflow import describe
from airflow_stack.backends.aws.plan.container_definitions import TaskFacts, container_definitions
from airflow_stack.backends.aws.plan.environment import Facts, environment, roles
from airflow_stack.backends.aws.plan.services import Family
from airflow_stack.config import AwsConfig
from backends.aws.recorded import ACCOUNT, REGION, config, planned

GOLDEN = Path(__file__).parent / "golden"
IMAGE = f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/airflow@sha256:{'0a' * 32}"
ROLES = ("webserver", "scheduler", "triggerer", "worker", "one-off")

CONFIGS: dict[str, dict[str, Any]] = {
    "default": {},
    "firelens-exec-elasticache": {
        "target": {"logs": {"firelens": True}, "exec": True, "name": "team-a"},
        "broker": {"kind": "elasticache"},
    },
    "least": {"target": {"metrics": {"statsd": False}, "worker": {"min": 1, "max": 2}}},
}


def made(name: str) -> AwsConfig:
    """One of the configs."""
    sections = dict(CONFIGS[name])
    return config(sections.pop("target", {}), **sections)


def task_facts(stack: AwsConfig, role: str) -> TaskFacts:
    """Of a stack that is made up."""
    queue = f"https://sqs.{REGION}.amazonaws.com/{ACCOUNT}/airflow" if stack.broker.kind == "sqs" else None
    prefix = stack.target.name
    files = {name for one in roles(describe(stack)).values() for name in one.secrets}
    return TaskFacts(
        image=IMAGE,
        region=REGION,
        cluster=prefix,
        log_group=f"/airflow-stack/{prefix}/{role}",
        environment=environment(stack, Facts(REGION, "bucket-0a1b2c3", queue, "https://airflow.example.com")),
        secret_arns={
            name: f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:{prefix}/{name}-AbCdEf" for name in files
        },
        firehose=f"{prefix}-service-logs" if stack.target.logs.firelens else None,
    )


def family(stack: AwsConfig, role: str) -> Family:
    """Of a role, by the plan."""
    return next(one for one in planned(stack).families if one.role.name == role)


def rendered(stack: AwsConfig, role: str) -> list[dict[str, Any]]:
    """The containers of a role, the main one first."""
    found: list[dict[str, Any]] = json.loads(
        container_definitions(stack, describe(stack), family(stack, role), task_facts(stack, role))
    )
    return found


def by_name(stack: AwsConfig, role: str) -> dict[str, dict[str, Any]]:
    return {container["name"]: container for container in rendered(stack, role)}


def variables(container: dict[str, Any]) -> dict[str, str]:
    return {entry["name"]: entry["value"] for entry in container["environment"]}


@pytest.mark.parametrize("role", ROLES)
def test_containers_are_those_of_the_file(role: str) -> None:
    """The whole text of the default stack, so that a change of any part of it is seen in a review."""
    text = json.dumps(rendered(made("default"), role), indent=2) + "\n"
    golden = GOLDEN / f"default.{role}.json"
    if os.environ.get("UPDATE_GOLDEN"):
        golden.write_text(text, encoding="utf-8")
    assert text == golden.read_text(encoding="utf-8")


def test_there_are_no_expectations_left_over() -> None:
    """Every golden file belongs to a role."""
    others = ("policies.", "dashboard-")
    found = {file.name for file in GOLDEN.glob("*.json") if not file.name.startswith(others)}
    assert found == {f"default.{role}.json" for role in ROLES}


def parts(name: str, role: str) -> dict[str, Any]:
    """Each variable, secret and key of each container, whatever the stack's name."""
    prefix = made(name).target.name
    found: dict[str, Any] = {}
    for container in rendered(made(name), role):
        given = [*container.pop("environment"), *container.pop("secrets", [])]
        values = {entry["name"]: entry.get("value", entry.get("valueFrom")) for entry in given} | container
        found |= {f"{container['name']}.{key}": json.dumps(value) for key, value in values.items()}
    return {key: value.replace(prefix, "airflow") for key, value in found.items()}


def changes(name: str, role: str) -> set[str]:
    """What of a role is another than by default; a container that is there in one of both alone is named as a whole."""
    before, after = parts("default", role), parts(name, role)
    different = {key for key in before.keys() | after.keys() if before.get(key) != after.get(key)}
    there = [{key.partition(".")[0] for key in one} for one in (before, after)]
    alone = there[0] ^ there[1]
    return alone | {key for key in different if key.partition(".")[0] not in alone}


@pytest.mark.parametrize("role", ROLES)
def test_without_statsd_and_with_few_workers(role: str) -> None:
    """Rule: the agent and its options go, pools grow to Airflow's own; the publisher and the scheduler know the two."""
    options = {
        *(f"DATABASE__SQL_ALCHEMY_{key}" for key in ("MAX_OVERFLOW", "POOL_SIZE")),
        *(f"METRICS__METRICS_{key}" for key in ("ALLOW_LIST", "USE_PATTERN_MATCH")),
        *(f"METRICS__STATSD_{key}" for key in ("HOST", "ON", "PORT", "PREFIX")),
    }
    of_the_scheduler = {
        "metrics.AIRFLOW_STACK_WORKER_MAX", "metrics.AIRFLOW_STACK_WORKER_MIN", "scheduler.AIRFLOW__CORE__PARALLELISM",
    }  # fmt: skip
    expected = {"cloudwatch-agent", *(f"{role}.AIRFLOW__{option}" for option in options)}
    assert changes("least", role) == expected | (of_the_scheduler if role == "scheduler" else set())


@pytest.mark.parametrize("role", ROLES)
def test_with_firelens_exec_and_redis(role: str) -> None:
    """Rule: lines go by a router, each container has an init process, and the broker is a secret instead of a queue."""
    broker = {
        "AIRFLOW_STACK_SQS_QUEUE_URL", "AIRFLOW_STACK_SECRET_BROKER_URL", "AIRFLOW__CELERY__BROKER_URL",
        "AIRFLOW__CELERY__BROKER_URL_CMD", "AIRFLOW__CELERY_BROKER_TRANSPORT_OPTIONS__VISIBILITY_TIMEOUT",
    }  # fmt: skip
    containers = {role, "cloudwatch-agent", *(["metrics"] if role == "scheduler" else [])}
    keys = {"linuxParameters"} if role == "one-off" else {"linuxParameters", "logConfiguration"}
    assert changes("firelens-exec-elasticache", role) == {
        *(f"{role}.{name}" for name in broker),
        *(f"{container}.{key}" for container in containers for key in keys),
        *([] if role == "one-off" else ["log-router"]),
    }


@pytest.mark.parametrize("role", ROLES)
def test_the_text_is_canonical(role: str) -> None:
    """Whatever the order in which things are known: else each update would replace each task definition."""
    stack = made("default")
    facts = task_facts(stack, role)
    shuffled = TaskFacts(
        **{
            **vars(facts),
            "environment": dict(reversed(list(facts.environment.items()))),
            "secret_arns": dict(reversed(list(facts.secret_arns.items()))),
        }
    )
    one = container_definitions(stack, describe(stack), family(stack, role), facts)
    assert one == container_definitions(
        made("default"), describe(made("default")), family(made("default"), role), shuffled
    )
    assert one == json.dumps(json.loads(one), sort_keys=True, separators=(",", ":"))


@pytest.mark.parametrize("name", CONFIGS)
@pytest.mark.parametrize("role", ROLES)
def test_what_aws_fills_in_is_written_out(name: str, role: str) -> None:
    """And nothing is null: the provider compares AWS's answer with what it was given."""
    for container in rendered(made(name), role):
        lists = {"environment", "mountPoints", "portMappings", "systemControls", "volumesFrom"}
        assert lists | {"cpu", "essential", "image", "name"} <= container.keys()
        for port in container["portMappings"]:
            assert port.keys() == {"containerPort", "hostPort", "protocol"}
        if check := container.get("healthCheck"):
            assert check.keys() == {"command", "interval", "retries", "startPeriod", "timeout"}
        assert None not in container.values()
        for list_, key in (("environment", "name"), ("secrets", "name")):
            names = [entry[key] for entry in container.get(list_, [])]
            assert names == sorted(set(names))


@pytest.mark.parametrize("role", ROLES)
def test_secrets_are_references(role: str) -> None:
    """Each file that the role reads, by its ARN, and none in a plain variable."""
    stack = made("firelens-exec-elasticache")
    main = rendered(stack, role)[0]
    found = {entry["name"]: entry["valueFrom"] for entry in main["secrets"]}
    arns = task_facts(stack, role).secret_arns
    reads = roles(describe(stack))[role].secrets
    assert found == {f"AIRFLOW_STACK_SECRET_{name.upper()}": arns[name] for name in reads}
    assert not [name for name in variables(main) if name.startswith("AIRFLOW_STACK_SECRET_")]


def test_a_secret_without_an_arn_is_an_error() -> None:
    """A container without it would start, and fail later."""
    stack = made("default")
    facts = TaskFacts(**{**vars(task_facts(stack, "worker")), "secret_arns": {}})
    with pytest.raises(KeyError):
        container_definitions(stack, describe(stack), family(stack, "worker"), facts)


def test_a_role_is_what_it_is_everywhere() -> None:
    """Command, probe and time to stop come from the description; ECS allows two minutes at most."""
    stack = made("default")
    described = roles(describe(stack))
    for role in ROLES:
        main = rendered(stack, role)[0]
        assert main["command"] == list(described[role].command)
        assert main["stopTimeout"] == min(described[role].stop_timeout, 120)
        probe = described[role].probe
        assert main.get("healthCheck", {}).get("command") == (list(probe.test) if probe else None)
        assert (main["essential"], main["image"], main["user"]) == (True, IMAGE, "50000:0")
    assert rendered(stack, "worker")[0]["stopTimeout"] == 120


def test_ports_are_those_that_somebody_asks() -> None:
    """The load balancer asks the webserver; the webserver asks who has a live log."""
    ports = {
        role: [mapping["containerPort"] for mapping in rendered(made("default"), role)[0]["portMappings"]]
        for role in ROLES
    }
    assert ports == {"webserver": [8080], "scheduler": [], "triggerer": [8794], "worker": [8793], "one-off": []}


def test_the_publisher_stands_beside_the_scheduler_alone() -> None:
    """It knows the formula's numbers from config, and of the secrets only the database's."""
    stack = config({"name": "team-a", "worker": {"min": 1, "max": 3}}, worker={"concurrency": 7})
    for role in ROLES:
        assert ("metrics" in by_name(stack, role)) == (role == "scheduler")
    publisher = by_name(stack, "scheduler")["metrics"]
    assert publisher["image"] == IMAGE
    assert publisher["command"] == ["/opt/airflow-stack/bin/publish"]
    assert variables(publisher) == {
        "AIRFLOW_STACK_CLUSTER": "team-a",
        "AIRFLOW_STACK_METRIC_NAMESPACE": "airflow-stack/team-a",
        "AIRFLOW_STACK_PUBLISH_SECONDS": "60",
        "AIRFLOW_STACK_QUEUES": "",
        "AIRFLOW_STACK_WORKER_CONCURRENCY": "7",
        "AIRFLOW_STACK_WORKER_MAX": "3",
        "AIRFLOW_STACK_WORKER_MIN": "1",
        "AIRFLOW_STACK_WORKER_SERVICE": "team-a-worker",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN_CMD": "cat /run/secrets/sql_alchemy_conn",
        "AWS_DEFAULT_REGION": REGION,
    }
    assert [entry["name"] for entry in publisher["secrets"]] == ["AIRFLOW_STACK_SECRET_SQL_ALCHEMY_CONN"]


def test_the_publisher_counts_the_queue_that_the_workers_read() -> None:
    """A user may call it otherwise."""
    stack = config(airflow={"options": {"operators": {"default_queue": "mine"}}})
    assert variables(by_name(stack, "scheduler")["metrics"])["AIRFLOW__OPERATORS__DEFAULT_QUEUE"] == "mine"


@pytest.mark.parametrize("role", ROLES)
def test_the_agent_listens_where_airflow_sends(role: str) -> None:
    """Beside every role; with no dimension that changes from task to task, each of which would be paid for."""
    containers = by_name(made("default"), role)
    sent = variables(containers[role])
    document = json.loads(variables(containers["cloudwatch-agent"])["CW_CONFIG_CONTENT"])
    statsd = document["metrics"]["metrics_collected"]["statsd"]
    assert statsd["service_address"] == f"127.0.0.1:{sent['AIRFLOW__METRICS__STATSD_PORT']}"
    assert document["metrics"]["namespace"] == "airflow-stack/airflow"
    assert document["agent"] == {"omit_hostname": True, "region": REGION}
    assert "cloudwatch-agent" not in by_name(made("least"), role)


@pytest.mark.parametrize("role", ROLES)
def test_nothing_beside_airflow_can_stop_it(role: str) -> None:
    """A side container that ends is started again by itself."""
    for container in rendered(made("firelens-exec-elasticache"), role)[1:]:
        assert container["essential"] is False
        assert container["restartPolicy"]["enabled"] is True
        assert container["memoryReservation"] <= 64
        assert "secrets" not in container or container["name"] == "metrics"


@pytest.mark.parametrize("role", ROLES)
def test_logs_go_to_the_roles_own_group(role: str) -> None:
    """Never blocking Airflow; a stream's name begins with the container's."""
    for container in rendered(made("default"), role):
        log = container["logConfiguration"]
        assert log["logDriver"] == "awslogs"
        assert log["options"]["awslogs-group"] == f"/airflow-stack/airflow/{role}"
        assert log["options"]["awslogs-stream-prefix"] == container["name"]
        assert log["options"]["mode"] == "non-blocking"


def test_with_firelens_lines_go_to_the_stream() -> None:
    """But the router's own, and those of one-off tasks, which somebody follows."""
    stack = made("firelens-exec-elasticache")
    for role in ROLES:
        containers = by_name(stack, role)
        if role == "one-off":
            assert "log-router" not in containers
            assert containers[role]["logConfiguration"]["logDriver"] == "awslogs"
            continue
        router = containers.pop("log-router")
        assert router["firelensConfiguration"]["type"] == "fluentbit"
        assert router["logConfiguration"]["logDriver"] == "awslogs"
        for container in containers.values():
            log = container["logConfiguration"]
            assert (log["logDriver"], log["options"]["delivery_stream"]) == ("awsfirelens", "team-a-service-logs")
    assert not any("log-router" in by_name(made("default"), role) for role in ROLES)


def test_firelens_without_a_stream_is_an_error() -> None:
    """Lines would go nowhere."""
    stack = made("firelens-exec-elasticache")
    facts = TaskFacts(**{**vars(task_facts(stack, "worker")), "firehose": None})
    with pytest.raises(ValueError, match="stream"):
        container_definitions(stack, describe(stack), family(stack, "worker"), facts)


@pytest.mark.parametrize("role", ROLES)
def test_an_init_process_is_there_where_shells_are(role: str) -> None:
    """ECS exec leaves processes behind; without it there is none to bury."""
    for name, expected in (("firelens-exec-elasticache", {"initProcessEnabled": True}), ("default", None)):
        for container in rendered(made(name), role):
            assert container.get("linuxParameters") == expected


def test_images_are_pinned_and_can_be_mirrored() -> None:
    """By digest where it is ours, by a whole version where it is AWS's; a mirror has the same paths."""
    public = by_name(config({"logs": {"firelens": True}}), "worker")
    mirror = f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/public"
    mirrored = by_name(config({"logs": {"firelens": True}, "side_images": mirror}), "worker")
    for name in ("cloudwatch-agent", "log-router"):
        path = public[name]["image"].removeprefix("public.ecr.aws/")
        assert any(char.isdigit() for char in path.partition(":")[2])
        assert mirrored[name]["image"] == f"{mirror}/{path}"
    assert mirrored["worker"]["image"] == IMAGE
