"""A stack on AWS, as moto has it: each thing that is looked at, well and not."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import boto3
import models
import pytest
from moto import mock_aws

from airflow_stack.operations.doctor import aws_part, aws_stack
from airflow_stack.operations.doctor.finding import Finding, State
from airflow_stack.operations.running.aws_stack import AwsStack

from .conftest import one

REGION = "eu-central-1"
ROLES = ("webserver", "scheduler", "triggerer", "worker")


@cache
def client(service: str, region: str = REGION) -> Any:
    """Made once: moto answers every client, and making one takes seconds."""
    assert region == REGION
    return boto3.client(service, region_name=REGION)  # type: ignore[call-overload]


class Account:
    """What a stack has in its account, and the looks at it by name."""

    def __init__(self, program: Path) -> None:
        self.config = models.aws_file(program)
        self.program = program
        self.tag = "2.10.2-abc-arm64"
        ecr = client("ecr")
        self.repository = ecr.create_repository(repositoryName="airflow-airflow-1")["repository"]["repositoryUri"]
        ecr.put_image(repositoryName="airflow-airflow-1", imageManifest=manifest(), imageTag=self.tag)
        client("ecs").create_cluster(clusterName="airflow")
        secret = client("secretsmanager").create_secret(Name="airflow/fernet_key-1", SecretString="hunter2")
        self.secret: str = secret["ARN"]
        client("rds").create_db_instance(
            DBInstanceIdentifier="airflow-database", DBInstanceClass="db.t4g.micro", Engine="postgres",
            AllocatedStorage=20, MasterUsername="airflow", MasterUserPassword="hunter2hunter2",
        )  # fmt: skip
        sqs = client("sqs")
        self.dead: str = sqs.create_queue(QueueName="airflow-dead-letters-1")["QueueUrl"]
        sqs.create_queue(QueueName="airflow-tasks-1")
        self.definitions = {role: self.define(role) for role in (*ROLES, "one-off")}

    def define(self, role: str) -> str:
        container = {"name": role, "image": f"{self.repository}:{self.tag}", "memory": 512}
        side = {"name": "cloudwatch-agent", "image": "public.ecr.aws/agent:1", "memory": 64}
        answer = client("ecs").register_task_definition(
            family=f"airflow-{role}", containerDefinitions=[container, side], requiresCompatibilities=["FARGATE"],
            networkMode="awsvpc", cpu="256", memory="1024",
        )  # fmt: skip
        return str(answer["taskDefinition"]["taskDefinitionArn"])

    @property
    def stack(self) -> AwsStack:
        known = {
            "region": REGION, "cluster": "airflow", "services": {role: f"airflow-{role}" for role in ROLES},
            "task_definitions": self.definitions, "repository": self.repository,
            "secrets": {"fernet_key": self.secret}, "url": "https://airflow.example.com", "log_groups": {},
        }  # fmt: skip
        return AwsStack("prod", self.program, self.config, known)

    def look(self, what: str) -> list[Finding]:
        (found,) = [look for look in aws_stack.looks(self.stack, deep=False) if look.what == what]
        return list(found.look())


def manifest() -> str:
    config = {"mediaType": "application/vnd.docker.container.image.v1+json", "digest": f"sha256:{'0' * 64}", "size": 1}
    kind = "application/vnd.docker.distribution.manifest.v2+json"
    return json.dumps({"schemaVersion": 2, "mediaType": kind, "config": config, "layers": []})


@pytest.fixture
def account(program: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Account]:
    monkeypatch.setattr(aws_part, "client", client)
    with mock_aws():
        yield Account(program)


def answers(monkeypatch: pytest.MonkeyPatch, service: str, **given: Any) -> None:
    """These calls of a service are answered so: moto has no deployments, stopped reasons or metrics of its own."""

    class Answering:
        def __init__(self, inner: Any) -> None:
            self.inner = inner

        def __getattr__(self, name: str) -> Any:
            return (lambda **_: given[name]) if name in given else getattr(self.inner, name)

    def made(name: str, region: str) -> Any:
        return Answering(client(name, region)) if name == service else client(name, region)

    monkeypatch.setattr(aws_part, "client", made)


def service(role: str, *deployments: dict[str, Any]) -> dict[str, Any]:
    definition = f"arn:aws:ecs:{REGION}:123456789012:task-definition/airflow-{role}:1"
    return {"serviceName": f"airflow-{role}", "deployments": list(deployments), "taskDefinition": definition}


def test_deployments(account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rule: one that ECS gave up is told with ECS's reason; one under way is no fault."""
    done = {"rolloutState": "COMPLETED", "failedTasks": 0}
    answers(monkeypatch, "ecs", describe_services={"services": [service(role, done) for role in ROLES]})
    assert one(account.look("Deployments"), "Deployments").seen == "all services are stable"
    going = {"rolloutState": "IN_PROGRESS", "failedTasks": 0}
    answers(monkeypatch, "ecs", describe_services={"services": [service("scheduler", going, done)]})
    assert one(account.look("Deployments"), "Deployments").seen == "under way: scheduler"
    failed = {"rolloutState": "FAILED", "failedTasks": 3, "rolloutStateReason": "tasks failed to start."}
    answers(monkeypatch, "ecs", describe_services={"services": [service("scheduler", failed, done)]})
    found = one(account.look("Deployments"), "Deployment")
    assert (found.state, found.seen) == (State.WARNING, "scheduler: tasks failed to start")
    assert found.mend == "airflow-stack logs -s prod scheduler"


def test_a_rollback_that_nobody_waited_for(account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rule: workers that went back to an earlier revision have no failed deployment; the command deploys them again."""
    account.definitions["worker"] = account.define("worker")
    done = {"rolloutState": "COMPLETED", "failedTasks": 0}
    answers(monkeypatch, "ecs", describe_services={"services": [service("worker", done)]})
    found = one(account.look("Deployments"), "Deployment")
    assert found.seen == "worker runs revision 1, and not 2, which was deployed last"
    assert found.mend == "airflow-stack logs -s prod worker && pulumi up --refresh --stack prod"


def test_workers_that_are_busy(account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rule: a rollout that waits for tasks says so, and names what takes the protection away."""
    going, done = ({"rolloutState": state, "failedTasks": 0} for state in ("IN_PROGRESS", "COMPLETED"))
    answers(monkeypatch, "ecs", describe_services={"services": [service("worker", going, done)]})
    found = one(account.look("Deployments"), "Deployments")
    assert found.state is State.OK
    assert found.seen.startswith("under way: worker. An old worker stays while it has tasks.")
    assert f"aws ecs update-task-protection --region {REGION} --cluster airflow --no-protection-enabled" in found.seen
    assert "--service-name airflow-worker" in found.seen


def stopped(why: str, group: str = "service:airflow-worker", **container: Any) -> dict[str, Any]:
    return {"stoppedReason": why, "group": group, "containers": [container]}


def test_stopped_tasks(account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rule: those that were meant to stop are no news; the same reason is told once, with how often."""
    meant = [
        stopped("Scaling activity initiated by (deployment ecs-svc/1)", exitCode=143),
        stopped("Essential container in task exited", "family:airflow-one-off", exitCode=0),
    ]
    killed = stopped("Essential container in task exited", exitCode=137, reason="OutOfMemoryError: memory usage")
    pull = stopped("CannotPullContainerError: not found", "service:airflow-scheduler")

    def with_(*tasks: dict[str, Any]) -> list[Finding]:
        answers(monkeypatch, "ecs", list_tasks={"taskArns": ["a"] * len(tasks)}, describe_tasks={"tasks": list(tasks)})
        return account.look("Stopped tasks")

    assert one(with_(), "Stopped tasks").state is State.OK
    assert one(with_(*meant), "Stopped tasks").state is State.OK
    found = with_(*meant, killed, killed, pull)
    assert [finding.state for finding in found] == [State.WARNING, State.WARNING]
    assert found[0].seen.startswith("worker (2 times): Essential container in task exited: OutOfMemoryError")
    assert found[0].mend.endswith(f"--set target.worker.memory={account.config.target.worker.memory * 2}")
    assert found[1].seen == "scheduler: CannotPullContainerError: not found"
    assert found[1].mend == "airflow-stack logs -s prod scheduler"


@pytest.mark.parametrize(("share", "state"), [(50.0, State.OK), (95.0, State.WARNING)])
def test_memory(account: Account, monkeypatch: pytest.MonkeyPatch, share: float, state: State) -> None:
    """Rule: a service near its size is told with the key that doubles it."""
    results = [{"Id": "role1", "Values": [share, 10.0]}, {"Id": "role2", "Values": []}]
    answers(monkeypatch, "cloudwatch", get_metric_data={"MetricDataResults": results})
    (found,) = account.look("Memory")
    assert found.state is state
    assert f"{share:.0f}%" in found.seen
    if state is State.WARNING:
        assert found.mend.endswith(f"target.scheduler.memory={account.config.target.scheduler.memory * 2}")


def test_alarms(account: Account) -> None:
    """Rule: those of this stack that are in alarm, with what to look at; one that says the hour is none."""
    cloudwatch = client("cloudwatch")
    for name in ("airflow-queue-stuck", "airflow-scheduler-off", "another-alarm"):
        cloudwatch.put_metric_alarm(
            AlarmName=name, AlarmDescription="Tasks wait.", MetricName="m", Namespace="n", Statistic="Sum", Period=60,
            EvaluationPeriods=1, Threshold=1, ComparisonOperator="GreaterThanThreshold",
        )  # fmt: skip
        cloudwatch.set_alarm_state(AlarmName=name, StateValue="OK", StateReason="test")
    assert one(account.look("Alarms"), "Alarms").seen == "none of 2"
    for name in ("airflow-queue-stuck", "airflow-scheduler-off", "another-alarm"):
        cloudwatch.set_alarm_state(AlarmName=name, StateValue="ALARM", StateReason="test")
    (found,) = account.look("Alarms")
    assert (found.what, found.state, found.cost) == ("Alarm airflow-queue-stuck", State.WARNING, "Tasks wait.")


def test_dead_letters(account: Account) -> None:
    """Rule: a letter is a task that killed its workers; none is told too."""
    assert one(account.look("Dead letters"), "Dead letters").state is State.OK
    client("sqs").send_message(QueueUrl=account.dead, MessageBody="hunter2")
    found = one(account.look("Dead letters"), "Dead letters")
    assert (found.state, found.seen) == (State.WARNING, "1 in airflow-dead-letters-1")
    assert account.dead in found.mend
    assert "hunter2" not in str(found)


def test_database(account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rule: its state, and a storage that is nearly full."""
    (found,) = account.look("Database storage")
    assert (found.what, found.state) == ("Database", State.OK)
    points = {"Datapoints": [{"Timestamp": datetime.now(UTC), "Minimum": 1024.0**3}]}
    answers(monkeypatch, "cloudwatch", get_metric_statistics=points)
    found = one(account.look("Database storage"), "Database storage")
    assert (found.state, found.seen) == (State.WARNING, "1.0 GiB free of 20.0 GiB")


def test_a_database_that_is_stopped(account: Account) -> None:
    """Rule: without it nothing runs."""
    client("rds").stop_db_instance(DBInstanceIdentifier="airflow-database")
    found = one(account.look("Database storage"), "Database")
    assert found.state is State.MISSING
    assert "is stopped" in found.seen


def test_secrets(account: Account) -> None:
    """Rule: each is there with a value; none is read, none is shown."""
    assert one(account.look("Secrets"), "Secrets").seen == "1 there"
    client("secretsmanager").delete_secret(SecretId=account.secret, RecoveryWindowInDays=7)
    found = one(account.look("Secrets"), "Secrets")
    assert (found.state, found.seen) == (State.MISSING, "fernet_key is to be deleted")
    client("secretsmanager").delete_secret(SecretId=account.secret, ForceDeleteWithoutRecovery=True)
    assert one(account.look("Secrets"), "Secrets").seen == "fernet_key is gone"
    empty = client("secretsmanager").create_secret(Name="airflow/empty")
    account.secret = empty["ARN"]
    assert one(account.look("Secrets"), "Secrets").seen == "fernet_key has no value"


def test_image(account: Account) -> None:
    """Rule: what the task definitions name is in the registry; the images of others are not asked for."""
    assert one(account.look("Image"), "Image").seen == f"in the registry: {account.tag}"
    client("ecr").batch_delete_image(repositoryName="airflow-airflow-1", imageIds=[{"imageTag": account.tag}])
    found = one(account.look("Image"), "Image")
    assert found.state is State.MISSING
    assert account.tag in found.seen


@pytest.fixture
def certificate(account: Account, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Finding]:
    """What is said of a certificate that ends in so many days."""
    text = (account.program / "Pulumi.prod.yaml").read_text()
    served = "domain: airflow.example.com, hosted_zone_id: Z0123456789ABCDEFGHIJ"
    (account.program / "Pulumi.prod.yaml").write_text(text.replace("plain_http: true", served))
    account.config = models.aws_file(account.program)
    arn = client("acm").request_certificate(DomainName="airflow.example.com")["CertificateArn"]

    def say(days: int, status: str = "ISSUED") -> Finding:
        described = {
            "CertificateArn": arn, "Status": status, "NotAfter": datetime.now(UTC) + timedelta(days=days, hours=1),
        }  # fmt: skip
        answers(monkeypatch, "acm", describe_certificate={"Certificate": described})
        return one(account.look("Certificate"), "Certificate")

    return say


def test_certificate(certificate: Callable[..., Finding]) -> None:
    """Rule: three weeks before its end something has gone wrong with its renewal."""
    assert (certificate(200).state, certificate(200).seen) == (State.OK, "of airflow.example.com, for 200 days")
    late = certificate(5)
    assert late.state is State.WARNING
    assert "ends in 5 days" in late.seen
    assert "--certificate-arn arn:aws:acm" in late.mend
    assert certificate(200, "PENDING_VALIDATION").state is State.MISSING


def test_no_domain_no_certificate(account: Account) -> None:
    """Rule: a UI by plain HTTP has none to look at."""
    assert account.look("Certificate") == []


def test_the_database_is_asked_only_where_it_is_wanted(account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rule: a task costs a minute: without --deep the report says how to have it."""
    asked: list[list[str]] = []

    def ask(_: AwsStack, command: list[str]) -> Any:
        asked.append(command)
        return {"time": datetime.now(UTC).timestamp(), "jobs": []}

    monkeypatch.setattr(AwsStack, "ask", ask)
    assert "airflow-stack doctor -s prod --deep" in one(account.look("Airflow"), "Airflow").seen
    assert asked == []
    (deep,) = [look for look in aws_stack.looks(account.stack, deep=True) if look.what == "Airflow"]
    assert one(deep.look(), "Heartbeat of the scheduler").state is State.MISSING
    assert asked == [["facts"]]
    assert deep.seconds > 60


def test_what_aws_refuses_is_a_sentence(account: Account) -> None:
    """Rule: a right that is lacking is one line of the report."""
    from airflow_stack.operations.doctor.finding import run

    client("ecr").delete_repository(repositoryName="airflow-airflow-1", force=True)
    client("rds").delete_db_instance(DBInstanceIdentifier="airflow-database", SkipFinalSnapshot=True)
    looks = [look for look in aws_stack.looks(account.stack, deep=False) if look.what == "Database storage"]
    (group,) = run(looks)
    (found,) = group.findings
    assert found.seen.startswith("AWS refuses DescribeDBInstances in eu-central-1")
    assert one(account.look("Image"), "Image").state is State.MISSING
