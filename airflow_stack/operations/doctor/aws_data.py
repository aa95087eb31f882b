"""What CloudWatch, SQS, RDS, Secrets Manager and ACM say of what a stack keeps."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from airflow_stack.backends.aws.plan.alarms import OFF
from airflow_stack.backends.aws.plan.servers import Queues
from airflow_stack.operations.doctor.aws_part import AwsPart
from airflow_stack.operations.doctor.finding import Finding, missing, ok, size, warning

# Share of the database's storage, and days of a certificate, below which it is worth a word.
LEAST_FREE = 0.1
CERTIFICATE_DAYS = 21


class Data(AwsPart):
    """Alarms, queues, database, secrets and certificate of one stack."""

    def alarms(self) -> Iterator[Finding]:
        """Those of this stack that are in alarm."""
        found = self._client("cloudwatch").describe_alarms(AlarmNamePrefix=f"{self.plan.name}-")
        alarms = [*found.get("MetricAlarms", []), *found.get("CompositeAlarms", [])]
        off = f"{self.plan.name}-{OFF}"  # whatever the config says by now: it may be newer than what is deployed
        raised = [one for one in alarms if one["StateValue"] == "ALARM" and one["AlarmName"] != off]
        for alarm in raised:
            about = str(alarm.get("AlarmDescription", "")).strip()
            yield warning(f"Alarm {alarm['AlarmName']}", "in alarm", about, f"airflow-stack logs -s {self.name}")
        if not raised:
            yield ok("Alarms", f"none of {len(alarms)}")

    def dead_letters(self) -> Iterator[Finding]:
        """Tasks that were delivered several times, and killed their worker each time."""
        queues = self.plan.broker
        if not isinstance(queues, Queues):
            return
        sqs = self._client("sqs")
        for url in sqs.list_queues(QueueNamePrefix=queues.dead_letters).get("QueueUrls", []):
            number = int(_attribute(sqs, url, "ApproximateNumberOfMessages"))
            if number:
                yield warning(
                    "Dead letters", f"{number} in {url.rpartition('/')[2]}",
                    "each is a task whose worker died several times; it is not tried again",
                    f"aws sqs receive-message --region {self.known['region']} --queue-url {url}",
                )  # fmt: skip
            else:
                yield ok("Dead letters", "none")

    def database(self) -> Iterator[Finding]:
        """State and free storage of RDS."""
        if self.plan.database is None:
            return
        identifier = self.plan.database.identifier
        (instance,) = self._client("rds").describe_db_instances(DBInstanceIdentifier=identifier)["DBInstances"]
        status, allocated = instance["DBInstanceStatus"], instance["AllocatedStorage"] * 1024**3
        events = f"aws rds describe-events --source-type db-instance --source-identifier {identifier}"
        if status not in ("available", "backing-up", "storage-optimization"):
            yield missing("Database", f"{identifier} is {status}", "nothing is scheduled, and nothing runs", events)
            return
        free = self._free_storage(identifier)
        if free is None:
            yield ok("Database", f"{identifier} is {status}")
        elif free < allocated * LEAST_FREE:
            yield warning(
                "Database storage", f"{size(free)} free of {size(allocated)}", "a full database stands still",
                f"pulumi config set --stack {self.name} --path airflow-stack:database.max_storage"
                f" {instance.get('MaxAllocatedStorage', instance['AllocatedStorage']) * 2}",
            )  # fmt: skip
        else:
            yield ok("Database", f"{identifier} is {status}, {size(free)} free of {size(allocated)}")

    def _free_storage(self, identifier: str) -> float | None:
        now = datetime.now(UTC)
        answer = self._client("cloudwatch").get_metric_statistics(
            Namespace="AWS/RDS", MetricName="FreeStorageSpace",
            Dimensions=[{"Name": "DBInstanceIdentifier", "Value": identifier}],
            StartTime=now - timedelta(minutes=30), EndTime=now, Period=300, Statistics=["Minimum"],
        )  # fmt: skip
        points = sorted(answer["Datapoints"], key=lambda point: point["Timestamp"])
        return float(points[-1]["Minimum"]) if points else None

    def secrets(self) -> Iterator[Finding]:
        """That each is there, has a value, and is not about to be deleted. No value is read."""
        manager = self._client("secretsmanager")
        lacking = []
        for name, arn in sorted(self.known["secrets"].items()):
            try:
                described = manager.describe_secret(SecretId=arn)
            except manager.exceptions.ResourceNotFoundException:
                lacking.append(f"{name} is gone")
                continue
            if "DeletedDate" in described:
                lacking.append(f"{name} is to be deleted")
            elif not any("AWSCURRENT" in stages for stages in described.get("VersionIdsToStages", {}).values()):
                lacking.append(f"{name} has no value")
        if lacking:
            cost = "a task that starts anew fails"
            yield missing("Secrets", "; ".join(lacking), cost, f"pulumi up --refresh --stack {self.name}")
        else:
            yield ok("Secrets", f"{len(self.known['secrets'])} there")

    def certificate(self) -> Iterator[Finding]:
        """That of the domain; ACM renews its own as long as it can prove the domain."""
        settings = self.plan.entry.asked
        if settings.domain is None:
            return
        acm = self._client("acm")
        arns = [settings.certificate_arn] if settings.certificate_arn else [
            one["CertificateArn"]
            for page in acm.get_paginator("list_certificates").paginate()
            for one in page["CertificateSummaryList"]
            if one["DomainName"] == settings.domain
        ]  # fmt: skip
        ends = [
            (described["NotAfter"], described)
            for arn in arns
            for described in [acm.describe_certificate(CertificateArn=arn)["Certificate"]]
            if "NotAfter" in described and described["Status"] == "ISSUED"
        ]
        if not ends:
            cost, mend = "browsers refuse the UI", f"pulumi up --refresh --stack {self.name}"
            yield missing("Certificate", f"none of {settings.domain} is valid", cost, mend)
            return
        end, described = max(ends, key=lambda entry: entry[0])
        days = (end - datetime.now(UTC)).days
        if days < CERTIFICATE_DAYS:
            status = described.get("RenewalSummary", {}).get("RenewalStatus", "no renewal is under way")
            arn, region = described["CertificateArn"], self.known["region"]
            mend = f"aws acm describe-certificate --region {region} --certificate-arn {arn}"
            yield warning("Certificate", f"ends in {days} days ({status})", "then browsers refuse the UI", mend)
        else:
            yield ok("Certificate", f"of {settings.domain}, for {days} days")


def _attribute(sqs: Any, url: str, name: str) -> str:
    return str(sqs.get_queue_attributes(QueueUrl=url, AttributeNames=[name])["Attributes"][name])
