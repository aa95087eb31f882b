"""What ECS, CloudWatch and ECR say of a stack's services."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from airflow_stack.airflow import describe
from airflow_stack.backends.aws.plan.environment import ONE_OFF, roles
from airflow_stack.backends.aws.plan.memory import advice
from airflow_stack.operations.doctor.aws_part import AwsPart
from airflow_stack.operations.doctor.finding import Finding, missing, ok, warning

# Tasks that have stopped are known to ECS for an hour; so many of them are told, and asked for in one call.
STOPPED = 5
DESCRIBED = 100
# Reasons that are no fault: a deployment, the autoscaler or a person has ended the task.
MEANT = ("Scaling activity initiated by", "Essential container in task exited", "airflow-stack:")
# How AWS begins its reason for a container that took more than its task's memory.
# https://docs.aws.amazon.com/AmazonECS/latest/developerguide/stopped-task-error-codes.html
OUT_OF_MEMORY = "OutOfMemoryError"
# Per cent of a task's memory from which on it is worth a word.
FULL = 90.0


class Services(AwsPart):
    """The services of one stack."""

    def _services(self) -> dict[str, Any]:
        """By role."""
        answer = self._client("ecs").describe_services(
            cluster=self.known["cluster"], services=list(self.known["services"].values())
        )
        by_name = {service["serviceName"]: service for service in answer["services"]}
        return {role: by_name[name] for role, name in self.known["services"].items() if name in by_name}

    def deployments(self) -> Iterator[Finding]:
        """One that failed has been rolled back: the services run, but not what was deployed."""
        trouble = False
        services = self._services()
        for role, service in services.items():
            for deployment in service.get("deployments", []):
                if deployment.get("rolloutState") != "FAILED" and not deployment.get("failedTasks"):
                    continue
                trouble = True
                reason = deployment.get("rolloutStateReason") or f"{deployment['failedTasks']} tasks of it have failed"
                seen = f"{role}: {reason.rstrip('.')}"
                yield warning(
                    "Deployment", seen, "the tasks from before go on, if there were any",
                    f"airflow-stack logs -s {self.name} {role}",
                )  # fmt: skip
            # A rollback leaves no failed deployment behind: only the revision tells. A later one is of an update.
            running, asked = map(_revision, (service["taskDefinition"], self.known["task_definitions"][role]))
            if running < asked:
                trouble = True
                yield warning(
                    "Deployment", f"{role} runs revision {running}, and not {asked}, which was deployed last",
                    "a changed image, configuration or size is not in use",
                    f"airflow-stack logs -s {self.name} {role} && pulumi up --refresh --stack {self.name}",
                )  # fmt: skip
        going = [role for role, service in services.items() if len(service.get("deployments", [])) > 1]
        if going and not trouble:
            yield ok("Deployments", f"under way: {', '.join(going)}{self._busy(services, going)}")
        elif not trouble:
            yield ok("Deployments", "all services are stable")

    def _busy(self, services: dict[str, Any], going: list[str]) -> str:
        """What ends workers of a deployment before, which stay while they have tasks."""
        worker = describe(self.config).one(elastic=True).name
        if worker not in going:
            return ""
        cluster, region = self.known["cluster"].rpartition("/")[2], self.known["region"]
        return (
            ". An old worker stays while it has tasks. What takes its protection away: aws ecs update-task-protection"
            f" --region {region} --cluster {cluster} --no-protection-enabled --tasks $(aws ecs list-tasks --region"
            f" {region} --cluster {cluster} --service-name {services[worker]['serviceName']} --query taskArns"
            " --output text)"
        )

    def stopped_tasks(self) -> Iterator[Finding]:
        """Of the last hour, those that nobody meant to stop."""
        ecs, cluster = self._client("ecs"), self.known["cluster"]
        arns = ecs.list_tasks(cluster=cluster, desiredStatus="STOPPED")["taskArns"][:DESCRIBED]
        tasks = ecs.describe_tasks(cluster=cluster, tasks=arns)["tasks"] if arns else []
        reasons: dict[tuple[str, str], int] = {}
        for task in tasks:
            if reason := _reason(task):
                key = (str(task.get("group", "")).rpartition(":")[2] or "a task", reason)
                reasons[key] = reasons.get(key, 0) + 1
        for (group, reason), count in list(reasons.items())[:STOPPED]:
            role = next((role for role, name in self.known["services"].items() if name == group), ONE_OFF)
            times = f" ({count} times)" if count > 1 else ""
            mend = f"airflow-stack logs -s {self.name} {role}"
            if OUT_OF_MEMORY in reason:
                mend = self._more(role)
            yield warning("Stopped task", f"{role}{times}: {reason}", "what ran in it was repeated, or lost", mend)
        if not reasons:
            yield ok("Stopped tasks", "none in the last hour that was not meant to stop")

    def _more(self, role: str) -> str:
        """What gives a role more memory."""
        return advice(self.config, roles(describe(self.config))[role].spec).command(self.name)

    def memory(self) -> Iterator[Finding]:
        """CloudWatch's share of the tasks' memory, in the last quarter of an hour."""
        services = list(self.known["services"])
        queries = [
            {
                "Id": f"role{number}",
                "MetricStat": {
                    "Metric": {
                        "Namespace": "AWS/ECS",
                        "MetricName": "MemoryUtilization",
                        "Dimensions": [
                            {"Name": "ClusterName", "Value": self.known["cluster"].rpartition("/")[2]},
                            {"Name": "ServiceName", "Value": self.known["services"][role].rpartition("/")[2]},
                        ],
                    },
                    "Period": 900,
                    "Stat": "Maximum",
                },
            }
            for number, role in enumerate(services)
        ]
        now = datetime.now(UTC)
        answer = self._client("cloudwatch").get_metric_data(
            MetricDataQueries=queries, StartTime=now - timedelta(minutes=30), EndTime=now
        )
        shares = {
            services[int(result["Id"].removeprefix("role"))]: max(result["Values"])
            for result in answer["MetricDataResults"]
            if result["Values"]
        }
        for role, share in shares.items():
            if share >= FULL:
                yield warning(
                    f"Memory of {role}", f"{share:.0f}% of its size", "a task that needs more is killed",
                    self._more(role),
                )  # fmt: skip
        if shares and max(shares.values()) < FULL:
            most = max(shares, key=lambda role: shares[role])
            yield ok("Memory", f"the fullest, {most}, has {shares[most]:.0f}% of its size")

    def image(self) -> Iterator[Finding]:
        """That what the services run can be pulled."""
        ecs, ecr = self._client("ecs"), self._client("ecr")
        repository = self.known["repository"]
        images = set()
        for arn in self.known["task_definitions"].values():
            definition = ecs.describe_task_definition(taskDefinition=arn)["taskDefinition"]
            images |= {
                one["image"] for one in definition["containerDefinitions"] if one["image"].startswith(repository)
            }
        gone = [image for image in sorted(images) if not _is_pushed(ecr, repository.partition("/")[2], image)]
        if gone:
            cost = "a task that starts anew fails"
            yield missing("Image", f"not in the registry: {gone[0]}", cost, f"pulumi up --refresh --stack {self.name}")
        else:
            yield ok("Image", f"in the registry: {', '.join(sorted(map(_version, images)))}")


def _revision(arn: str) -> int:
    return int(arn.rpartition(":")[2])


def _reason(task: dict[str, Any]) -> str:
    """Why a task stopped that nobody meant to stop; empty where it is no fault."""
    reason = str(task.get("stoppedReason", ""))
    parts = [str(one["reason"]) for one in task.get("containers", []) if one.get("reason")]
    codes = [one["exitCode"] for one in task.get("containers", []) if one.get("exitCode") not in (None, 0, 143)]
    if reason.startswith(MEANT) and not parts and not codes:
        return ""
    if codes and not parts:
        parts = [f"exit code {codes[0]}"]
    return ": ".join(part.rstrip(".") for part in (reason, *parts) if part)


def _is_pushed(ecr: Any, repository: str, image: str) -> bool:
    key, mark = ("imageDigest", "@") if "@" in image else ("imageTag", ":")
    try:
        ecr.describe_images(repositoryName=repository, imageIds=[{key: image.rpartition(mark)[2]}])
    except (ecr.exceptions.ImageNotFoundException, ecr.exceptions.RepositoryNotFoundException):
        return False
    return True


def _version(image: str) -> str:
    """Tag, or the beginning of the digest."""
    return image.rpartition("@")[2][:19] if "@" in image else image.rpartition(":")[2]
