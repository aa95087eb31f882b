"""The stack against the one that it takes the place of: what that one had, and what was wrong with it.

What was wrong, and the tests that keep it from coming back:

Secrets lie in clear in the state
    backends/aws/test_stack.py::test_no_secret_is_plain
    backends/aws/test_secrets.py::test_single_values_are_secrets_too
Database password and admin are airflow/airflow
    backends/aws/test_secrets.py::test_a_value_of_config_wins_and_all_others_are_generated
The load balancer speaks HTTP alone
    backends/aws/test_load_balancer.py::test_https_forwards_and_http_redirects
The load balancer is open to the world
    backends/aws/test_security_groups.py::test_nothing_but_the_load_balancer_is_reachable_from_outside
    config/test_aws_load_balancer.py::test_who_may_reach_the_ui_and_how
One task role for everything
    backends/aws/test_roles.py::test_each_role_of_airflow_has_two_of_its_own
Rights on every resource
    backends/aws/test_roles.py::test_no_right_is_for_everything
No secret key of the webserver
    backends/aws/test_reference.py::test_what_it_had
    backends/aws/test_secrets.py::test_what_a_role_reads_is_stored_and_nothing_else
The database is not encrypted
    backends/aws/test_database.py::test_the_instance_is_encrypted_and_private
The database has no backups
    backends/aws/test_database.py::test_the_default_instance_is_small_and_backed_up
The database has no protection from deletion and no final snapshot
    backends/aws/test_database.py::test_by_default_no_destroy_deletes_it
The image is a mutable latest
    backends/aws/test_registry.py::test_tags_are_immutable_and_images_scanned_and_encrypted
    backends/aws/test_registry.py::test_tasks_name_the_image_by_its_digest
SQS delivers a task again after 30 seconds
    backends/aws/test_broker.py::test_a_running_task_is_not_delivered_again
No dead-letter queue
    backends/aws/test_broker.py::test_what_is_delivered_too_often_is_set_aside
No time to stop
    backends/aws/test_container_definitions.py::test_a_role_is_what_it_is_everywhere
Scale-in and Spot kill running tasks
    images/test_protection.py::test_protected_from_the_first_task_until_after_the_last
    images/test_protection.py::test_a_warm_shutdown_stays_protected
    backends/aws/test_scale.py::test_workers_go_from_zero_to_n_and_back_without_killing_a_task
No on-demand capacity to fall back to
    backends/aws/test_services.py::test_capacity_is_a_mix_with_a_base_on_demand
The metric assumes five tasks a worker, the worker runs sixteen
    backends/aws/test_container_definitions.py::test_the_publisher_stands_beside_the_scheduler_alone
    backends/aws/test_scale.py::test_by_the_desired_workers_exactly_as_many_come_as_are_needed
Parallelism of 10,000 on a micro database
    config/test_aws_rules.py::test_a_stack_that_opens_more_is_refused_with_the_class_that_fits
Metrics come from the scheduler alone
    backends/aws/test_container_definitions.py::test_the_agent_listens_where_airflow_sends
No alarm
    backends/aws/test_monitoring.py::test_the_alarms_of_a_stack
No dashboard
    backends/aws/test_monitoring.py::test_the_dashboard_is_the_one_that_was_read
No right to read connections and variables
    backends/aws/test_roles.py::test_look_ups_reach_the_three_prefixes_alone
The worker's security group blocks live task logs
    backends/aws/test_security_groups.py::test_the_rules_are_these_and_no_other
/health answers 200 when the scheduler is dead
    images/test_probe.py::test_a_scheduler_without_a_heartbeat_is_seen
    backends/aws/test_monitoring.py::test_a_silent_scheduler_is_an_alarm
The migration is run by hand
    backends/aws/test_migration.py::test_creating_runs_it_once
    backends/aws/test_migration.py::test_an_update_runs_it_again
No circuit breaker
    backends/aws/test_services.py::test_a_bad_deployment_is_rolled_back_and_waited_for
The one-off runner ignores the exit code
    operations/test_run_task.py::test_the_exit_code_is_the_containers
The one-off runner ignores failures of RunTask
    operations/test_run_task.py::test_failures_of_run_task_are_not_taken_for_a_start
No triggerer
    backends/aws/test_services.py::test_there_is_a_service_for_each_long_running_role
Logs without an end
    backends/aws/test_logs.py::test_every_log_group_forgets
    backends/aws/test_storage.py::test_logs_expire_after_the_days_of_config
Images without an end
    backends/aws/test_registry.py::test_old_images_go
A task around the clock for one metric
    backends/aws/test_container_definitions.py::test_the_publisher_stands_beside_the_scheduler_alone
No ARM
    backends/aws/test_task_definitions.py::test_the_architecture_is_the_images
"""

from __future__ import annotations

import ast
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from airflow_stack.airflow.secrets import DIRECTORY
from airflow_stack.config.aws.types import FARGATE_PLATFORM
from backends.aws.recorded import Recorded
from backends.aws.whole import SCHEDULE, containers, deploy

TESTS = Path(__file__).parents[2]
SERVICES = ("webserver", "scheduler", "triggerer", "worker")

# The same stack, by our config.
SIZE = {"cpu": 1024, "memory": 2048}
REFERENCE: dict[str, Any] = {
    "target": {
        "architecture": "X86_64",
        "exec": True,
        "logs": {"firelens": True},
        "metrics": {"container_insights": True},
        "webserver": SIZE | {"schedule": SCHEDULE},
        "scheduler": SIZE | {"schedule": SCHEDULE},
        "worker": SIZE | {"capacity": {"on_demand_weight": 0, "spot_weight": 1}, "schedule": SCHEDULE},
    }
}


@pytest.fixture(scope="module")
def stack() -> Recorded:
    return deploy(REFERENCE)


def of(stack: Recorded, type_: str, name: str = "") -> dict[str, Any]:
    """Inputs of the only resource of this type, or of the one of this name."""
    return stack.of(type_)[name].inputs if name else stack.one(type_).inputs


def service(stack: Recorded, role: str) -> dict[str, Any]:
    return of(stack, "aws:ecs/service:Service", f"airflow-{role}")


def size(stack: Recorded, role: str) -> tuple[str, str]:
    definition = of(stack, "aws:ecs/taskDefinition:TaskDefinition", f"airflow-{role}")
    return definition["cpu"], definition["memory"]


def container(stack: Recorded, role: str, name: str = "") -> dict[str, Any]:
    return next(one for one in containers(stack)[role] if one["name"] == (name or role))


def variables(stack: Recorded, role: str, name: str = "") -> dict[str, str]:
    return {one["name"]: one["value"] for one in container(stack, role, name)["environment"]}


def bounds(stack: Recorded, role: str) -> tuple[int, int]:
    target = of(stack, "aws:appautoscaling/target:Target", f"airflow-{role}")
    return target["minCapacity"], target["maxCapacity"]


def assert_scheduled(stack: Recorded, role: str) -> None:
    for moment, tasks in (("stop", 0), ("start", 1)):
        action = of(stack, "aws:appautoscaling/scheduledAction:ScheduledAction", f"airflow-{role}-{moment}")
        assert action["schedule"] == f"cron({SCHEDULE[moment]})"
        assert action["scalableTargetAction"] == {"minCapacity": tasks, "maxCapacity": tasks}


def network(stack: Recorded) -> None:
    """/21, two zones with two subnets each, no NAT; the tasks in the public ones with addresses of their own."""
    assert of(stack, "aws:ec2/vpc:Vpc")["cidrBlock"] == "10.0.0.0/21"
    subnets = stack.of("aws:ec2/subnet:Subnet")
    public = {f"{name}-id" for name in subnets if "public" in name}
    assert (len(subnets), len(public)) == (4, 2)
    assert len({one.inputs["availabilityZone"] for one in subnets.values()}) == 2
    assert stack.one("aws:ec2/internetGateway:InternetGateway")
    assert not stack.of("aws:ec2/natGateway:NatGateway")
    assert {one.inputs["vpcEndpointType"] for one in stack.of("aws:ec2/vpcEndpoint:VpcEndpoint").values()} == {
        "Gateway"
    }
    for role in SERVICES:
        placed = service(stack, role)["networkConfiguration"]
        assert (set(placed["subnets"]), placed["assignPublicIp"]) == (public, True)


def cluster(stack: Recorded) -> None:
    """Both of Fargate's providers, and Container Insights."""
    providers = of(stack, "aws:ecs/clusterCapacityProviders:ClusterCapacityProviders")
    assert set(providers["capacityProviders"]) == {"FARGATE", "FARGATE_SPOT"}
    settings = of(stack, "aws:ecs/cluster:Cluster")["settings"]
    assert settings == [{"name": "containerInsights", "value": "enabled"}]


def registry(stack: Recorded) -> None:
    """One repository that scans; the image for amd64 is in it before a task definition names it."""
    assert of(stack, "aws:ecr/repository:Repository")["imageScanningConfiguration"] == {"scanOnPush": True}
    pushed = of(stack, "pulumi-python:dynamic/airflow-stack:PushedImage")
    assert pushed["platform"] == "linux/amd64"
    for name, definition in stack.of("aws:ecs/taskDefinition:TaskDefinition").items():
        assert "airflow-image" in definition.depends_on, name
        assert container(stack, name.partition("-")[2])["image"].startswith(pushed["repository_url"] + "@sha256:")


def storage(stack: Recorded) -> None:
    """One bucket: the task logs of Airflow, and what Firehose writes."""
    bucket = stack.one("aws:s3/bucket:Bucket").name
    assert variables(stack, "worker")["AIRFLOW__LOGGING__REMOTE_BASE_LOG_FOLDER"] == f"s3://{bucket}/task-logs"
    stream = of(stack, "aws:kinesis/firehoseDeliveryStream:FirehoseDeliveryStream")["extendedS3Configuration"]
    assert stream["bucketArn"].endswith(f":{bucket}")


def broker(stack: Recorded) -> None:
    """One queue for tasks, whose URL stands in the environment of whoever sends and receives."""
    queues = stack.of("aws:sqs/queue:Queue")
    assert len([name for name in queues if "dead" not in name]) == 1
    for role in SERVICES:
        found = variables(stack, role)
        assert found["AIRFLOW__CELERY__BROKER_URL"] == "sqs://"
        assert found["AIRFLOW_STACK_SQS_QUEUE_URL"].rpartition("/")[2] in queues


def database(stack: Recorded) -> None:
    """db.t4g.micro of 20 to 100 GB, in the private subnets, for the services' groups alone."""
    instance = of(stack, "aws:rds/instance:Instance")
    assert (instance["engine"], instance["instanceClass"]) == ("postgres", "db.t4g.micro")
    assert (instance["allocatedStorage"], instance["maxAllocatedStorage"]) == (20, 100)
    assert all("private" in subnet for subnet in of(stack, "aws:rds/subnetGroup:SubnetGroup")["subnetIds"])
    (group,) = instance["vpcSecurityGroupIds"]
    rules = stack.of("aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule").values()
    admitted = {one.inputs["referencedSecurityGroupId"] for one in rules if one.inputs["securityGroupId"] == group}
    assert admitted == {f"airflow-{role}-id" for role in (*SERVICES, "one-off")}


def secrets(stack: Recorded) -> None:
    """Kept in Secrets Manager, and read from files there; look-ups have a prefix for each kind."""
    stored = {one.inputs["namePrefix"] for one in stack.of("aws:secretsmanager/secret:Secret").values()}
    expected = {"fernet_key", "sql_alchemy_conn", "celery_result_backend", "webserver_secret_key"}
    assert {f"airflow/{name}-" for name in expected} <= stored
    found = variables(stack, "scheduler")
    assert found["AIRFLOW__CORE__FERNET_KEY_CMD"] == f"cat {DIRECTORY}/fernet_key"
    assert found["AIRFLOW__WEBSERVER__SECRET_KEY_CMD"] == f"cat {DIRECTORY}/webserver_secret_key"
    assert found["AIRFLOW__SECRETS__BACKEND"].endswith(".SecretsManagerBackend")
    prefixes = json.loads(found["AIRFLOW__SECRETS__BACKEND_KWARGS"])
    assert {f"airflow/{kind}" for kind in ("connections", "variables", "config")} <= set(prefixes.values())


def webserver(stack: Recorded) -> None:
    """Behind the load balancer's port 80, asked for /health on 8080; 1 vCPU and 2 GB, ECS exec, a schedule."""
    listener = of(stack, "aws:lb/listener:Listener")
    group = of(stack, "aws:lb/targetGroup:TargetGroup")
    assert not of(stack, "aws:lb/loadBalancer:LoadBalancer").get("internal")
    assert (listener["port"], group["port"], group["healthCheck"]["path"]) == (80, 8080, "/health")
    (served,) = service(stack, "webserver")["loadBalancers"]
    assert (served["containerName"], served["containerPort"]) == ("webserver", 8080)
    assert size(stack, "webserver") == ("1024", "2048")
    assert service(stack, "webserver")["enableExecuteCommand"] is True
    assert_scheduled(stack, "webserver")


def scheduler(stack: Recorded) -> None:
    """1 vCPU and 2 GB, a probe of its own, CloudWatch's agent on 8125 beside it, the same schedule."""
    assert size(stack, "scheduler") == ("1024", "2048")
    assert container(stack, "scheduler")["healthCheck"]["command"][-1] == "scheduler"
    agent = json.loads(variables(stack, "scheduler", "cloudwatch-agent")["CW_CONFIG_CONTENT"])
    assert agent["metrics"]["metrics_collected"]["statsd"]["service_address"] == "127.0.0.1:8125"
    assert variables(stack, "scheduler")["AIRFLOW__METRICS__STATSD_PORT"] == "8125"
    assert_scheduled(stack, "scheduler")


def worker(stack: Recorded) -> None:
    """1 vCPU and 2 GB on Spot, none to five by target tracking of 100 on our metric, ECS exec."""
    assert size(stack, "worker") == ("1024", "2048")
    (share,) = service(stack, "worker")["capacityProviderStrategies"]
    assert share["capacityProvider"] == "FARGATE_SPOT"
    assert bounds(stack, "worker") == (0, 5)
    tracking = of(stack, "aws:appautoscaling/policy:Policy")["targetTrackingScalingPolicyConfiguration"]
    assert tracking["targetValue"] == 100
    assert "customizedMetricSpecification" in tracking
    assert service(stack, "worker")["enableExecuteCommand"] is True


def metrics_service(stack: Recorded) -> None:
    """What it published is published beside the scheduler, into the metric that the autoscaler tracks."""
    policy = of(stack, "aws:appautoscaling/policy:Policy")["targetTrackingScalingPolicyConfiguration"]
    tracked = policy["customizedMetricSpecification"]
    found = variables(stack, "scheduler", "metrics")
    dimensions = {one["name"]: one["value"] for one in tracked["dimensions"]}
    assert tracked["namespace"] == found["AIRFLOW_STACK_METRIC_NAMESPACE"]
    assert dimensions == {
        "ClusterName": found["AIRFLOW_STACK_CLUSTER"],
        "ServiceName": found["AIRFLOW_STACK_WORKER_SERVICE"],
    }
    assert (
        found["AIRFLOW_STACK_WORKER_CONCURRENCY"] == variables(stack, "worker")["AIRFLOW__CELERY__WORKER_CONCURRENCY"]
    )


def standalone_task(stack: Recorded) -> None:
    """A task definition for single commands, without a service; the migration runs in it."""
    assert size(stack, "one-off") == ("512", "1024")
    assert "airflow-one-off" not in stack.of("aws:ecs/service:Service")
    migration = of(stack, "pulumi-python:dynamic/airflow-stack:Migration")
    assert migration["task_definition"].endswith(":airflow-one-off")
    assert migration["platform_version"] == FARGATE_PLATFORM


def log_query(stack: Recorded) -> None:
    """A database and a table of Glue over what Firehose writes, for Athena."""
    table = of(stack, "aws:glue/catalogTable:CatalogTable")
    assert table["databaseName"] == of(stack, "aws:glue/catalogDatabase:CatalogDatabase")["name"]
    stream = of(stack, "aws:kinesis/firehoseDeliveryStream:FirehoseDeliveryStream")["extendedS3Configuration"]
    written = stream["prefix"].partition("!")[0]
    assert table["parameters"]["storage.location.template"] == f"s3://airflow-bucket/{written}${{day}}/"
    assert stack.one("aws:athena/workgroup:Workgroup")


def service_logs(stack: Recorded) -> None:
    """By FireLens to the stream here, and to a log group of the role's own without it."""
    groups = {one.inputs["name"] for one in stack.of("aws:cloudwatch/logGroup:LogGroup").values()}
    plain = deploy({})
    for role in SERVICES:
        assert container(stack, role)["logConfiguration"]["logDriver"] == "awsfirelens"
        log = container(plain, role)["logConfiguration"]
        assert log["logDriver"] == "awslogs"
        assert log["options"]["awslogs-group"] in groups


def roles(stack: Recorded) -> None:
    """A role that starts a task and one that the task has."""
    for definition in stack.of("aws:ecs/taskDefinition:TaskDefinition").values():
        starts, has = definition.inputs["executionRoleArn"], definition.inputs["taskRoleArn"]
        assert starts != has
        assert ":iam:" in starts
        assert ":iam:" in has


ROWS: dict[str, Callable[[Recorded], None]] = {
    row.__name__.replace("_", " "): row
    for row in (
        network, cluster, registry, storage, broker, database, secrets, webserver, scheduler, worker, metrics_service,
        standalone_task, log_query, service_logs, roles,
    )
}  # fmt: skip


@pytest.mark.parametrize("row", ROWS)
def test_what_it_had(row: str, stack: Recorded) -> None:
    """Every part of the other stack is in ours."""
    ROWS[row](stack)


def guards() -> dict[str, list[str]]:
    """The table above: tests by what was wrong."""
    found: dict[str, list[str]] = {}
    for line in (__doc__ or "").split(":\n\n", 1)[1].strip().splitlines():
        if line.startswith("    "):
            list(found.values())[-1].append(line.strip())
        else:
            found[line] = []
    return found


@pytest.mark.parametrize("fault", guards())
def test_what_was_wrong_is_guarded(fault: str) -> None:
    """By tests that are there."""
    tests = guards()[fault]
    assert tests
    for test in tests:
        file, _, name = test.partition("::")
        tree = ast.parse((TESTS / file).read_text(encoding="utf-8"))
        assert name in {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}, test


def test_the_table_is_read_whole() -> None:
    """A table that can't be read would guard nothing, without a word."""
    assert len(guards()) == 33
    assert {"Secrets lie in clear in the state", "No ARM"} <= guards().keys()
