"""Roles: who may take them, and that nobody may do more than its part."""

from __future__ import annotations

import json
import os
import warnings
from pathlib import Path
from typing import Any

import pytest

from airflow_stack.airflow import describe
from airflow_stack.backends.aws.plan.environment import Facts, environment, roles
from airflow_stack.backends.aws.plan.rights import UNSCOPED
from airflow_stack.backends.aws.roles import Roles, Used
from airflow_stack.config import AwsConfig
from backends.aws.recorded import ACCOUNT, REGION, Recorded, config, planned, record

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from parliament import analyze_policy_string

GOLDEN = Path(__file__).parent / "golden"
ROLES = ("webserver", "scheduler", "triggerer", "worker", "one-off")
POLICY = "aws:iam/rolePolicy:RolePolicy"
ROLE = "aws:iam/role:Role"
BUCKET = "arn:aws:s3:::airflow-data-0a1b2c3"
QUEUE = f"arn:aws:sqs:{REGION}:{ACCOUNT}:airflow"
SECRET = f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:airflow"
EVERYTHING: dict[str, Any] = {"exec": True, "logs": {"firelens": True}}

CONFIGS: dict[str, AwsConfig] = {
    "default": config(),
    "everything": config(
        EVERYTHING | {"side_images": f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/public"},
        broker={"kind": "elasticache"},
    ),
    "least": config({"metrics": {"statsd": False}}),
}


def used(stack: AwsConfig) -> Used:
    """ARNs of a stack that is made up."""
    files = {name for role in roles(describe(stack)).values() for name in role.secrets}
    logs = f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:"
    return Used(
        cluster_arn=f"arn:aws:ecs:{REGION}:{ACCOUNT}:cluster/airflow",
        bucket_arn=BUCKET,
        repository_arn=f"arn:aws:ecr:{REGION}:{ACCOUNT}:repository/airflow",
        log_group_arns={role: f"{logs}/airflow-stack/airflow/{role}" for role in ROLES},
        secret_arns={name: f"{SECRET}/{name}-AbCdEf" for name in files},
        queue_arn=QUEUE if stack.broker.kind == "sqs" else None,
        firehose_arn=f"arn:aws:firehose:{REGION}:{ACCOUNT}:deliverystream/airflow-service-logs"
        if stack.target.logs.firelens
        else None,
        exec_log_group_arn=f"{logs}/airflow/exec" if stack.target.exec else None,
    )


def registered(stack: AwsConfig) -> Recorded:
    return record(lambda: Roles("roles", stack.target.name, stack.target.region, planned(stack).rights, used(stack)))


RECORDED = {name: registered(stack) for name, stack in CONFIGS.items()}


def policies(name: str) -> dict[str, dict[str, Any]]:
    """The documents by role and kind: ``worker-task``."""
    return {
        found.removeprefix("roles-").removesuffix("-policy"): json.loads(resource.inputs["policy"])
        for found, resource in RECORDED[name].of(POLICY).items()
    }


def statements(name: str, owner: str) -> dict[str, dict[str, Any]]:
    """By Sid."""
    return {one["Sid"]: one for one in policies(name)[owner]["Statement"]}


def actions(name: str, owner: str) -> set[str]:
    return {action for one in statements(name, owner).values() for action in one["Action"]}


@pytest.mark.parametrize("name", CONFIGS)
def test_each_role_of_airflow_has_two_of_its_own(name: str) -> None:
    """One to start the task, one for what runs in it; each has one policy."""
    expected = {f"{role}-{kind}" for role in ROLES for kind in ("execution", "task")}
    assert {one.removeprefix("roles-") for one in RECORDED[name].of(ROLE)} == expected
    assert policies(name).keys() == expected
    for owner, resource in RECORDED[name].of(ROLE).items():
        assert resource.inputs["name"] == f"airflow-{REGION}-{owner.removeprefix('roles-')}"
        assert RECORDED[name].of(POLICY)[f"{owner}-policy"].inputs["role"] == resource.inputs["name"]


def test_the_longest_name_fits_iam() -> None:
    """IAM allows a role's name 64 characters."""
    stack = config({"name": "a" * 20, "region": "ap-northeast-1"})
    assert all(len(one.inputs["name"]) <= 64 for one in registered(stack).of(ROLE).values())


@pytest.mark.parametrize("name", CONFIGS)
def test_ecs_takes_a_role_for_this_account_alone(name: str) -> None:
    """No confused deputy: another customer's task can't be started with our role."""
    for resource in RECORDED[name].of(ROLE).values():
        (trusted,) = json.loads(resource.inputs["assumeRolePolicy"])["Statement"]
        assert trusted["Principal"] == {"Service": "ecs-tasks.amazonaws.com"}
        assert trusted["Action"] == "sts:AssumeRole"
        assert trusted["Condition"] == {
            "StringEquals": {"aws:SourceAccount": ACCOUNT},
            "ArnLike": {"aws:SourceArn": f"arn:aws:ecs:{REGION}:{ACCOUNT}:*"},
        }


@pytest.mark.parametrize("name", CONFIGS)
def test_no_right_is_for_everything(name: str) -> None:
    """No action with a *, and a resource * only where AWS knows no resource, each with its reason."""
    for owner, document in policies(name).items():
        for one in document["Statement"]:
            assert one["Effect"] == "Allow"
            assert not [action for action in one["Action"] if "*" in action], owner
            if "*" in one["Resource"]:
                assert one["Resource"] == ["*"]
                assert one["Sid"] in UNSCOPED, owner
            for resource in one["Resource"]:
                assert resource == "*" or resource.split(":")[5].strip("*/"), f"{owner}: {resource}"


def test_every_exception_is_one() -> None:
    """A reason that no statement needs any more would excuse the next one."""
    found = {
        sid
        for name in CONFIGS
        for owner in policies(name)
        for sid, one in statements(name, owner).items()
        if "*" in one["Resource"]
    }
    assert found == UNSCOPED.keys()


@pytest.mark.parametrize("name", CONFIGS)
def test_parliament_finds_nothing(name: str) -> None:
    """Unknown actions, resources that an action does not know, wrong conditions."""
    for owner, document in policies(name).items():
        found = analyze_policy_string(json.dumps(document)).findings
        assert not found, f"{owner}: {[str(finding) for finding in found]}"


@pytest.mark.parametrize("name", CONFIGS)
def test_policies_fit_iam(name: str) -> None:
    """10,240 characters for all inline policies of a role."""
    assert all(len(resource.inputs["policy"]) < 10_240 for resource in RECORDED[name].of(POLICY).values())


@pytest.mark.parametrize("kind", ["execution", "task"])
def test_policies_are_those_of_the_file(kind: str) -> None:
    """Those of the default stack, so that a new right is seen in a review. UPDATE_GOLDEN=1 writes them."""
    found = {owner: document for owner, document in sorted(policies("default").items()) if owner.endswith(f"-{kind}")}
    text = json.dumps(found, indent=2, sort_keys=True) + "\n"
    golden = GOLDEN / f"policies.default.{kind}.json"
    if os.environ.get("UPDATE_GOLDEN"):
        golden.write_text(text, encoding="utf-8")
    assert text == golden.read_text(encoding="utf-8")


def changes(name: str, owner: str) -> set[str]:
    """Statements that are others than by default."""
    before, after = statements("default", owner), statements(name, owner)
    return {sid for sid in before.keys() | after.keys() if before.get(sid) != after.get(sid)}


@pytest.mark.parametrize("role", ROLES)
def test_what_is_switched_on_adds_its_own_rights_and_no_other(role: str) -> None:
    """Rule: shells, a log router and a mirror; a queue that is not there has no right."""
    assert changes("everything", f"{role}-execution") == {"Pull", "Secrets"}
    broker = {"Queue"} if role in ("scheduler", "worker", "one-off") else set()
    router = set() if role == "one-off" else {"ServiceLogs"}
    assert changes("everything", f"{role}-task") == {"Exec", "ExecLog", "ExecLogGroups"} | broker | router
    found = statements("everything", f"{role}-task")
    assert not broker & found.keys()
    for sid in ("Exec", "ExecLogGroups"):
        assert found[sid]["Resource"] == ["*"], "AWS knows no resource for it"
    assert found["ExecLogGroups"]["Action"] == ["logs:DescribeLogGroups"]
    assert found["ExecLog"]["Action"] == ["logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents"]
    if router:
        assert found["ServiceLogs"]["Action"] == ["firehose:PutRecordBatch"]
        stream = f"arn:aws:firehose:{REGION}:{ACCOUNT}:deliverystream/airflow-service-logs"
        assert found["ServiceLogs"]["Resource"] == [stream]


@pytest.mark.parametrize("role", ROLES)
def test_without_statsd_nobody_but_the_publisher_puts_metrics(role: str) -> None:
    """Rule: what is switched off takes its right along, and no other one."""
    assert changes("least", f"{role}-execution") == set()
    assert changes("least", f"{role}-task") == (set() if role == "scheduler" else {"Metrics"})


@pytest.mark.parametrize("name", CONFIGS)
def test_who_may_write_the_bucket(name: str) -> None:
    """Rule: who runs tasks writes their logs, and the one-off task a backup, below its prefix each; nobody deletes."""
    writes = {
        (owner, action, resource)
        for owner in policies(name)
        for one in statements(name, owner).values()
        for action in one["Action"]
        if action.startswith("s3:") and not action.startswith(("s3:Get", "s3:List"))
        for resource in one["Resource"]
    }
    writers = ("scheduler", "triggerer", "worker", "one-off")
    assert writes == {(f"{role}-task", "s3:PutObject", f"{BUCKET}/task-logs/*") for role in writers} | {
        ("one-off-task", action, f"{BUCKET}/backups/*") for action in ("s3:AbortMultipartUpload", "s3:PutObject")
    }


@pytest.mark.parametrize("role", ROLES)
def test_a_task_is_started_with_its_own_secrets_alone(role: str) -> None:
    """And with its own image and log group."""
    found = statements("default", f"{role}-execution")
    reads = roles(describe(CONFIGS["default"]))[role].secrets
    assert found["Secrets"]["Resource"] == sorted(f"{SECRET}/{name}-AbCdEf" for name in reads)
    assert found["Log"]["Resource"] == [f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:/airflow-stack/airflow/{role}:*"]
    assert found["Pull"]["Resource"] == [f"arn:aws:ecr:{REGION}:{ACCOUNT}:repository/airflow"]
    admin = any("admin_password" in arn for arn in found["Secrets"]["Resource"])
    assert admin == (role == "one-off")


def test_a_mirror_in_ecr_may_be_pulled_from() -> None:
    """No more of it than the two images' repositories."""
    for role in ROLES:
        pulled = statements("everything", f"{role}-execution")["Pull"]["Resource"]
        base = f"arn:aws:ecr:{REGION}:{ACCOUNT}:repository"
        assert pulled == [
            f"{base}/airflow",
            f"{base}/public/aws-observability/*",
            f"{base}/public/cloudwatch-agent/*",
        ]


@pytest.mark.parametrize("role", ROLES)
def test_task_logs_are_all_that_is_reached_of_the_bucket(role: str) -> None:
    """The webserver reads them; whoever runs a task writes them. None is deleted by Airflow."""
    found = statements("default", f"{role}-task")
    assert found["TaskLogs"]["Resource"] == [f"{BUCKET}/task-logs/*"]
    writes = [] if role == "webserver" else ["s3:PutObject"]
    assert found["TaskLogs"]["Action"] == ["s3:GetObject", *writes]


@pytest.mark.parametrize("role", ROLES)
def test_a_log_that_is_not_there_is_told_from_one_that_is_forbidden(role: str) -> None:
    """S3 answers 403 for both to who may not list, and Airflow then gives the log up. HeadObject has no prefix."""
    found = statements("default", f"{role}-task")["FindTaskLogs"]
    assert (found["Action"], found["Resource"]) == (["s3:ListBucket"], [BUCKET])
    assert found["Condition"] == {"StringLikeIfExists": {"s3:prefix": "task-logs/*"}}


def test_the_prefix_is_where_airflow_writes() -> None:
    """Else each log would be refused."""
    stack = CONFIGS["default"]
    folder = environment(stack, Facts(REGION, "b", None, "u"))["AIRFLOW__LOGGING__REMOTE_BASE_LOG_FOLDER"]
    assert folder == "s3://b/task-logs"


@pytest.mark.parametrize("role", ROLES)
def test_look_ups_reach_the_three_prefixes_alone(role: str) -> None:
    """Those that the backend is configured with; not the stack's own secrets, which lie beside them."""
    stack = CONFIGS["default"]
    kwargs = json.loads(environment(stack, Facts(REGION, "b", None, "u"))["AIRFLOW__SECRETS__BACKEND_KWARGS"])
    prefixes = [value for key, value in kwargs.items() if key.endswith("_prefix")]
    found = statements("default", f"{role}-task")["Lookups"]
    assert found["Action"] == ["secretsmanager:GetSecretValue"]
    base = f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:"
    assert found["Resource"] == sorted(f"{base}{prefix}/*" for prefix in prefixes)


def test_the_queue_is_sent_to_and_received_from_by_whom_it_concerns() -> None:
    """Nobody creates, lists, purges or deletes a queue."""
    found = {role: {one for one in actions("default", f"{role}-task") if one.startswith("sqs:")} for role in ROLES}
    send = {"sqs:GetQueueAttributes", "sqs:SendMessage"}
    receive = {"sqs:ChangeMessageVisibility", "sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage"}
    assert found == {"webserver": set(), "scheduler": send, "triggerer": set(), "worker": receive, "one-off": send}
    for role in ("scheduler", "worker", "one-off"):
        assert statements("default", f"{role}-task")["Queue"]["Resource"] == [QUEUE]
        assert "Queue" not in statements("everything", f"{role}-task")


def test_metrics_are_put_into_the_stacks_namespace_alone() -> None:
    """By the publisher always, by the agents where there are any."""
    for name, senders in (("default", set(ROLES)), ("least", {"scheduler"})):
        for role in ROLES:
            found = statements(name, f"{role}-task").get("Metrics")
            assert (found is not None) == (role in senders)
            if found:
                assert found["Condition"] == {"StringEquals": {"cloudwatch:namespace": "airflow-stack/airflow"}}


def test_of_ecs_the_scheduler_counts_and_the_worker_protects_itself() -> None:
    """The worker's service, and the tasks of this cluster."""
    found = {role: {one for one in actions("everything", f"{role}-task") if one.startswith("ecs:")} for role in ROLES}
    assert found.pop("scheduler") == {"ecs:DescribeServices"}
    assert found.pop("worker") == {"ecs:GetTaskProtection", "ecs:UpdateTaskProtection"}
    assert not any(found.values())
    base = f"arn:aws:ecs:{REGION}:{ACCOUNT}"
    counted = statements("default", "scheduler-task")["CountWorkers"]["Resource"]
    assert counted == [f"{base}:service/airflow/airflow-worker"]
    assert statements("default", "worker-task")["Protect"]["Resource"] == [f"{base}:task/airflow/*"]


@pytest.mark.parametrize("role", ROLES)
def test_shells_are_possible_only_where_exec_is_on(role: str) -> None:
    """With it, a session's channel and its log; without it, neither."""
    assert not [one for one in actions("default", f"{role}-task") if one.startswith(("ssmmessages:", "logs:"))]
    found = statements("everything", f"{role}-task")
    assert len(found["Exec"]["Action"]) == 4
    assert found["ExecLog"]["Resource"] == [f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:/airflow/exec:*"]


def test_the_log_router_puts_into_its_stream_where_there_is_one() -> None:
    """One-off tasks have no router."""
    for role in ROLES:
        assert "ServiceLogs" not in statements("default", f"{role}-task")
        assert ("ServiceLogs" in statements("everything", f"{role}-task")) == (role != "one-off")


def test_whoever_depends_on_the_policies_depends_on_all() -> None:
    """Ten policies; a service that starts before its own has no rights."""
    assert len(RECORDED["default"].result.policies) == 10


def test_a_secret_that_is_not_stored_is_an_error() -> None:
    """A task would not start, and say so only after minutes."""
    stack = CONFIGS["default"]
    missing = Used(**{**vars(used(stack)), "secret_arns": {}})
    with pytest.raises(KeyError):
        record(lambda: Roles("roles", stack.target.name, stack.target.region, planned(stack).rights, missing))
