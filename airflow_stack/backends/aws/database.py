"""The metadata database: RDS for PostgreSQL."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pulumi
import pulumi_random as random
from pulumi_aws import cloudwatch, rds

from airflow_stack.backends.aws.plan.rules import DATABASE_PORT
from airflow_stack.backends.aws.plan.servers import DatabasePlan

if TYPE_CHECKING:
    from airflow_stack.backends.aws.network import Network
    from airflow_stack.backends.aws.security_groups import SecurityGroups

LOG_EXPORTS = ("postgresql", "upgrade")

# Days of Performance Insights' history that cost nothing. It supports every instance class for PostgreSQL.
# https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_DatabaseInsights.Engines.html
INSIGHTS_DAYS = 7

PARAMETERS = {
    # A connection without TLS is refused.
    "rds.force_ssl": "1",
    # What waited for a lock as long as a deadlock takes to be found, and what took a second (in ms). Airflow encrypts
    # the secrets of its connections and variables before it sends them.
    "log_lock_waits": "1",
    "log_min_duration_statement": "1000",
    # Files that a sort has spilled to disk, from 10 MB on (in kB): the instance has too little memory.
    "log_temp_files": "10240",
    # Neither a statement that fails nor values of its rows: an administrator's may set a password.
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
}


class Database(pulumi.ComponentResource):
    """An encrypted instance that only the services reach.

    Without ``target.delete_data`` AWS refuses to delete it: `pulumi destroy` ends there, with the database, its network
    and the generated secrets as they were, and `pulumi up` brings the rest back. Who lifts the protection by hand gets
    a final snapshot.
    """

    address: pulumi.Output[str]
    """As ``host:port``."""
    identifier: pulumi.Output[str]
    """The instance's, which its metrics bear."""

    def __init__(
        self,
        name: str,
        planned: DatabasePlan,
        network: Network,
        groups: SecurityGroups,
        password: pulumi.Input[str],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("airflow-stack:aws:Database", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        database, identifier, keep = planned.asked, planned.identifier, planned.keep
        subnets = rds.SubnetGroup(
            f"{name}-subnets",
            name_prefix=f"{planned.prefix}-",
            description=f"Private subnets of {identifier}",
            subnet_ids=network.private_subnet_ids,
            opts=child,
        )
        parameters = rds.ParameterGroup(
            f"{name}-parameters",
            name_prefix=f"{planned.prefix}-",
            description=f"TLS and logs of {identifier}",
            family=f"postgres{database.version}",
            parameters=[rds.ParameterGroupParameterArgs(name=key, value=value) for key, value in PARAMETERS.items()],
            opts=child,
        )
        # Made here, since RDS would make them to be kept for ever.
        logs = [
            cloudwatch.LogGroup(
                f"{name}-{export}-logs",
                name=f"/aws/rds/instance/{identifier}/{export}",
                retention_in_days=planned.log_days,
                opts=child,
            )
            for export in LOG_EXPORTS
        ]
        # A snapshot keeps its name: the one of the next stack needs another.
        snapshot = random.RandomId(f"{name}-final-snapshot", byte_length=4, opts=child)
        instance = rds.Instance(
            f"{name}-instance",
            identifier=identifier,
            engine="postgres",
            # The major version alone: a minor one that AWS has installed is no change.
            engine_version=database.version,
            auto_minor_version_upgrade=True,
            # What config says holds when the update ends: pools, workers and alarms go by the new instance class at
            # once. And a parameter group of the old major version could not be deleted before the upgrade.
            allow_major_version_upgrade=True,
            apply_immediately=True,
            instance_class=database.instance_class,
            multi_az=database.multi_az,
            storage_type="gp3",
            allocated_storage=database.storage,
            max_allocated_storage=database.max_storage,
            storage_encrypted=True,
            db_name=database.name,
            username=database.user,
            password=password,
            port=DATABASE_PORT,
            db_subnet_group_name=subnets.name,
            vpc_security_group_ids=[groups.database_id] if groups.database_id is not None else [],
            publicly_accessible=False,
            # Valid until 2061.
            ca_cert_identifier="rds-ca-rsa2048-g1",
            parameter_group_name=parameters.name,
            enabled_cloudwatch_logs_exports=list(LOG_EXPORTS),
            performance_insights_enabled=True,
            performance_insights_retention_period=INSIGHTS_DAYS,
            backup_retention_period=database.backup_days,
            copy_tags_to_snapshot=True,
            # The metadata are what nobody can make again: no slip deletes them, and whoever means it keeps a copy.
            # retain_on_delete would be no help: an instance that Pulumi has forgotten keeps its network from going,
            # and is not found again by the next update.
            deletion_protection=keep,
            skip_final_snapshot=not keep,
            final_snapshot_identifier=pulumi.Output.concat(identifier, "-final-", snapshot.hex) if keep else None,
            delete_automated_backups=not keep,
            opts=pulumi.ResourceOptions(parent=self, depends_on=logs),
        )
        self.address = pulumi.Output.concat(instance.address, f":{DATABASE_PORT}")
        self.identifier = instance.identifier
        self.register_outputs({})
