"""The database: encrypted, reachable by the services alone, and not lost by a slip."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pulumi
import pytest

from airflow_stack.backends.aws.database import Database
from backends.aws.recorded import Recorded, config, planned, record, resolved

INSTANCE = "aws:rds/instance:Instance"
PARAMETERS = "aws:rds/parameterGroup:ParameterGroup"
SUBNETS = "aws:rds/subnetGroup:SubnetGroup"
LOG_GROUP = "aws:cloudwatch/logGroup:LogGroup"
THROW_AWAY = {"delete_data": True, "confirm_delete_data": "airflow"}


def build(target: dict[str, Any] | None = None, **database: Any) -> Database:
    """A database in a network and groups that are there."""
    stack = config(target, **({"database": database} if database else {}))
    network: Any = SimpleNamespace(
        private_subnet_ids=[pulumi.Output.from_input(subnet) for subnet in ("subnet-a", "subnet-b")]
    )
    groups: Any = SimpleNamespace(database_id=pulumi.Output.from_input("sg-database"))
    asked = planned(stack).database
    assert asked
    return Database("airflow", asked, network, groups, pulumi.Output.secret("hunter2-hunter2"))


def recorded(target: dict[str, Any] | None = None, **database: Any) -> Recorded:
    return record(lambda: build(target, **database))


def test_the_instance_is_the_one_of_config() -> None:
    """Rule: size, version, storage and its growth, zones and backups are what config says."""
    inputs = (
        recorded(version="14", instance_class="db.m7g.large", storage=50, max_storage=500, multi_az=True,
                 backup_days=14, user="ada", name="meta").one(INSTANCE).inputs
    )  # fmt: skip
    expected = {
        "engine": "postgres", "engineVersion": "14", "instanceClass": "db.m7g.large", "allocatedStorage": 50,
        "maxAllocatedStorage": 500, "multiAz": True, "backupRetentionPeriod": 14, "username": "ada", "dbName": "meta",
        "storageType": "gp3", "port": 5432,
    }  # fmt: skip
    assert {key: inputs[key] for key in expected} == expected
    assert "iops" not in inputs


def test_the_default_instance_is_small_and_backed_up() -> None:
    """Rule: the smallest class, storage that grows, a week of backups, minor versions by AWS."""
    inputs = recorded().one(INSTANCE).inputs
    expected = {
        "engineVersion": "16", "instanceClass": "db.t4g.micro", "allocatedStorage": 20, "maxAllocatedStorage": 100,
        "multiAz": False, "backupRetentionPeriod": 7, "autoMinorVersionUpgrade": True,
        "allowMajorVersionUpgrade": True, "applyImmediately": True, "copyTagsToSnapshot": True,
        "caCertIdentifier": "rds-ca-rsa2048-g1",
    }  # fmt: skip
    assert {key: inputs[key] for key in expected} == expected


def test_the_instance_is_encrypted_and_private() -> None:
    """Rule: at rest and on its way, in private subnets, behind its own group and no other."""
    made = recorded()
    inputs = made.one(INSTANCE).inputs
    assert inputs["storageEncrypted"] is True
    assert inputs["publiclyAccessible"] is False
    assert inputs["vpcSecurityGroupIds"] == ["sg-database"]
    assert made.one(SUBNETS).inputs["subnetIds"] == ["subnet-a", "subnet-b"]
    assert inputs["dbSubnetGroupName"] == "airflow-subnets"
    assert inputs["parameterGroupName"] == "airflow-parameters"
    parameters = {parameter["name"]: parameter["value"] for parameter in made.one(PARAMETERS).inputs["parameters"]}
    assert parameters["rds.force_ssl"] == "1"


@pytest.mark.parametrize("version", ["14", "15", "16", "17"])
def test_parameters_are_of_the_version(version: str) -> None:
    """Rule: the family follows, under a name that the provider makes, since the old group is still in use then."""
    inputs = recorded(version=version).one(PARAMETERS).inputs
    assert inputs["family"] == f"postgres{version}"
    assert inputs["namePrefix"] == "airflow-"
    assert "name" not in inputs
    names = {parameter["name"] for parameter in inputs["parameters"]}
    assert names == {"rds.force_ssl", "log_lock_waits", "log_min_duration_statement", "log_temp_files",
                     "log_min_error_statement", "log_error_verbosity"}  # fmt: skip


def test_the_password_is_a_secret_in_the_state() -> None:
    """Rule: it never stands there in clear, and no second one is made by RDS."""
    inputs = recorded().one(INSTANCE).inputs
    assert inputs["password"] == {"secret": "hunter2-hunter2"}
    assert "manageMasterUserPassword" not in inputs


def test_logs_are_exported_and_expire() -> None:
    """Rule: into groups that are there before RDS would make them without an end."""
    made = recorded({"name": "etl", "logs": {"retention_days": 60}})
    instance = made.one(INSTANCE)
    assert instance.inputs["enabledCloudwatchLogsExports"] == ["postgresql", "upgrade"]
    groups = made.of(LOG_GROUP)
    assert {group.inputs["name"]: group.inputs["retentionInDays"] for group in groups.values()} == {
        "/aws/rds/instance/etl-database/postgresql": 60,
        "/aws/rds/instance/etl-database/upgrade": 60,
    }
    assert instance.inputs["identifier"] == "etl-database"
    assert set(groups) <= instance.depends_on


@pytest.mark.parametrize("instance_class", ["db.t4g.micro", "db.r7g.large"])
def test_performance_insights_cost_nothing(instance_class: str) -> None:
    """Rule: on for every class, for the seven days that are free."""
    inputs = recorded(instance_class=instance_class).one(INSTANCE).inputs
    assert inputs["performanceInsightsEnabled"] is True
    assert inputs["performanceInsightsRetentionPeriod"] == 7


def test_by_default_no_destroy_deletes_it() -> None:
    """Rule: protected, and whoever lifts that keeps a snapshot of a new name and the backups. Never just forgotten."""
    made = recorded()
    instance = made.one(INSTANCE)
    assert instance.inputs["deletionProtection"] is True
    assert instance.inputs["skipFinalSnapshot"] is False
    assert instance.inputs["finalSnapshotIdentifier"] == "airflow-database-final-0123abcd"
    assert instance.inputs["deleteAutomatedBackups"] is False
    assert not [resource for resource in made.resources if resource.retained]


def test_with_delete_data_a_destroy_deletes_it() -> None:
    """Rule: neither protection nor snapshot nor backup is left of a throw-away stack."""
    made = recorded(THROW_AWAY)
    instance = made.one(INSTANCE)
    assert instance.inputs["deletionProtection"] is False
    assert instance.inputs["skipFinalSnapshot"] is True
    assert "finalSnapshotIdentifier" not in instance.inputs
    assert instance.inputs["deleteAutomatedBackups"] is True
    assert not [resource for resource in made.resources if resource.retained]


def test_its_address_and_identifier_are_told() -> None:
    """Rule: host and port for the connection strings, the identifier for the metrics."""
    assert resolved(lambda: build().address) == "airflow-instance.rds.amazonaws.com:5432"
    assert resolved(lambda: build().identifier) == "airflow-database"


def test_an_external_database_is_none_of_ours() -> None:
    """Rule: it is not in the plan, and so nothing of it is made."""
    assert planned(config(database={"kind": "external"})).database is None
