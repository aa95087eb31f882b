"""A table over the services' logs in S3, a workgroup of Athena that queries it, and examples of queries."""

from __future__ import annotations

from string import Template

import pulumi
from pulumi_aws import athena, glue

TABLE = "service_logs"  # as it is written in the queries below

# Where the records are, below the prefix that the bucket's lifecycle rule is for; results of queries go the same way.
RECORDS = "service-logs/records/"
RESULTS = "service-logs/queries/"

# What the log router sends of each line: FireLens's own fields, and the time under the key that it is told.
# https://docs.aws.amazon.com/AmazonECS/latest/developerguide/firelens-taskdef.html
COLUMNS = {
    "time": "When the line was written, ISO 8601 in UTC",
    "log": "The line",
    "source": "stdout or stderr",
    "container_id": "Container",
    "container_name": "Name of the container in its task definition",
    "ecs_cluster": "Cluster",
    "ecs_task_arn": "Task",
    "ecs_task_definition": "Task definition and its revision",
}

# 10 GB: a query of everything for years, by mistake, costs five cents at the most.
SCAN_LIMIT = 10 * 1000**3


# Queries to begin with, by name. `day` is the partition: a query without it reads everything that is kept.
QUERIES = {
    "last-lines-of-a-service": """\
SELECT "time", container_name, log
FROM service_logs
WHERE day = date_format(current_timestamp, '%Y/%m/%d')
  AND ecs_task_definition LIKE '$prefix-scheduler:%'
ORDER BY "time" DESC
LIMIT 200
""",
    "errors-of-the-week": """\
SELECT "time", ecs_task_definition, log
FROM service_logs
WHERE day >= date_format(current_timestamp - interval '7' day, '%Y/%m/%d')
  AND regexp_like(log, '\\b(ERROR|CRITICAL|Traceback)\\b')
ORDER BY "time" DESC
LIMIT 500
""",
    "one-task-from-start-to-end": """\
SELECT "time", container_name, source, log
FROM service_logs
WHERE day >= date_format(current_timestamp - interval '7' day, '%Y/%m/%d')
  AND ecs_task_arn LIKE '%/0123456789abcdef0123456789abcdef' -- put the id of your task
ORDER BY "time"
""",
    "lines-by-service-and-hour": """\
SELECT substr("time", 1, 13) AS hour, split_part(ecs_task_definition, ':', 1) AS service, count(*) AS lines
FROM service_logs
WHERE day = date_format(current_timestamp, '%Y/%m/%d')
GROUP BY 1, 2
ORDER BY 1, 2
""",
    "what-writes-most": """\
SELECT split_part(ecs_task_definition, ':', 1) AS service, container_name,
       count(*) AS lines, sum(length(log)) / 1e6 AS megabytes
FROM service_logs
WHERE day >= date_format(current_timestamp - interval '7' day, '%Y/%m/%d')
GROUP BY 1, 2
ORDER BY megabytes DESC
""",
}


class LogQueries(pulumi.ComponentResource):
    """Glue database and table, Athena workgroup and named queries.

    The days are computed from the table's properties (partition projection): no crawler runs, and no partition is ever
    added. Records are JSON lines, one a line of log.
    """

    workgroup_name: pulumi.Output[str]

    def __init__(
        self,
        name: str,
        prefix: str,
        bucket: pulumi.Input[str],
        retention_days: int,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("airflow-stack:aws:LogQueries", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        records = pulumi.Output.concat("s3://", bucket, "/", RECORDS)
        database = glue.CatalogDatabase(
            f"{name}-database",
            name=f"{prefix.replace('-', '_')}_logs",  # names of Glue have no hyphen that Athena would not quote
            description="Logs of the services",
            opts=child,
        )
        table = glue.CatalogTable(
            f"{name}-table",
            database_name=database.name,
            name=TABLE,
            description="A row a line of log",
            table_type="EXTERNAL_TABLE",
            parameters={
                "EXTERNAL": "TRUE",
                "classification": "json",
                "projection.enabled": "true",
                "projection.day.type": "date",
                "projection.day.format": "yyyy/MM/dd",
                "projection.day.interval": "1",
                "projection.day.interval.unit": "DAYS",
                "projection.day.range": f"NOW-{retention_days}DAYS,NOW",
                "storage.location.template": records.apply(lambda location: f"{location}${{day}}/"),
            },
            partition_keys=[glue.CatalogTablePartitionKeyArgs(name="day", type="string", comment="yyyy/MM/dd, in UTC")],
            storage_descriptor=glue.CatalogTableStorageDescriptorArgs(
                location=records,
                input_format="org.apache.hadoop.mapred.TextInputFormat",
                output_format="org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat",
                compressed=True,
                columns=[
                    glue.CatalogTableStorageDescriptorColumnArgs(name=column, type="string", comment=comment)
                    for column, comment in COLUMNS.items()
                ],
                ser_de_info=glue.CatalogTableStorageDescriptorSerDeInfoArgs(
                    serialization_library="org.openx.data.jsonserde.JsonSerDe",
                    # One broken line must not fail a query over a week.
                    parameters={"ignore.malformed.json": "TRUE"},
                ),
            ),
            opts=child,
        )
        workgroup = athena.Workgroup(
            f"{name}-workgroup",
            name=f"{prefix}-logs",
            description="Queries of the services' logs",
            # A history of queries is no data; with one in it, the group could not be deleted.
            force_destroy=True,
            configuration=athena.WorkgroupConfigurationArgs(
                enforce_workgroup_configuration=True,
                publish_cloudwatch_metrics_enabled=False,
                bytes_scanned_cutoff_per_query=SCAN_LIMIT,
                result_configuration=athena.WorkgroupConfigurationResultConfigurationArgs(
                    output_location=pulumi.Output.concat("s3://", bucket, "/", RESULTS),
                    encryption_configuration=athena.WorkgroupConfigurationResultConfigurationEncryptionConfigurationArgs(
                        encryption_option="SSE_S3"
                    ),
                ),
            ),
            opts=child,
        )
        for title, query in QUERIES.items():
            athena.NamedQuery(
                f"{name}-{title}",
                name=title,
                database=database.name,
                workgroup=workgroup.name,
                query=Template(query).substitute(prefix=prefix),
                opts=pulumi.ResourceOptions(parent=self, depends_on=[table]),
            )
        self.workgroup_name = workgroup.name
        self.register_outputs({})
