"""Writes airflow_stack/cost/prices.json from AWS's price list: `make prices`, or `make prices REGIONS="eu-west-3"`.

It needs credentials with ``pricing:GetProducts`` and takes a few minutes. A price that the list does not name, or names
twice, stays as it is and is told; the service keeps the date of its oldest price then. Exit code 1 where one did.
"""

from __future__ import annotations

import argparse
import datetime
import json
import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mypy_boto3_pricing import PricingClient

TABLE = Path(__file__).parents[1] / "airflow_stack/cost/prices.json"
# The price list's service answers in few regions, for all of them.
# https://docs.aws.amazon.com/awsaccountbilling/latest/aboutv2/using-price-list-query-api.html
ASKED = "us-east-1"


@dataclass(frozen=True)
class Wanted:
    """Where the price list has a price."""

    service: str
    usage: str
    """Usage type, without the region's prefix, as a regular expression."""
    filters: Mapping[str, str] = field(default_factory=dict)
    times: float = 1.0
    """What our unit has of the list's."""


class NotFoundError(Exception):
    """The list has no such price, or several."""


ALB = {"productFamily": "Load Balancer-Application"}
POSTGRES = {"databaseEngine": "PostgreSQL", "deploymentOption": "Single-AZ"}
WANTED: dict[str, Wanted] = {
    "fargate.ARM64.vcpu": Wanted("AmazonECS", "Fargate-ARM-vCPU-Hours:perCPU"),
    "fargate.ARM64.gb": Wanted("AmazonECS", "Fargate-ARM-GB-Hours"),
    "fargate.X86_64.vcpu": Wanted("AmazonECS", "Fargate-vCPU-Hours:perCPU"),
    "fargate.X86_64.gb": Wanted("AmazonECS", "Fargate-GB-Hours"),
    "fargate.disk": Wanted("AmazonECS", "Fargate-EphemeralStorage-GB-Hours"),
    "alb.hour": Wanted("AWSELB", "LoadBalancerUsage", ALB),
    "alb.lcu": Wanted("AWSELB", "LCUUsage", ALB),
    "vpc.nat.hour": Wanted("AmazonEC2", "NatGateway-Hours", {"productFamily": "NAT Gateway"}),
    "vpc.nat.gb": Wanted("AmazonEC2", "NatGateway-Bytes", {"productFamily": "NAT Gateway"}),
    "vpc.address": Wanted("AmazonVPC", "PublicIPv4:InUseAddress"),
    "vpc.endpoint.hour": Wanted("AmazonVPC", "VpcEndpoint-Hours", {"productFamily": "VpcEndpoint"}),
    "vpc.endpoint.gb": Wanted("AmazonVPC", "VpcEndpoint-Bytes", {"productFamily": "VpcEndpoint"}),
    "rds.gp3": Wanted(
        "AmazonRDS", "RDS:GP3-Storage", {"databaseEngine": "PostgreSQL", "productFamily": "Database Storage"}
    ),
    "sqs.request": Wanted("AWSQueueService", r"Requests-Tier1|Requests-RBP", {"queueType": "Standard"}),
    "secrets.secret": Wanted("AWSSecretsManager", ".*", {"productFamily": "Secret"}),
    "secrets.call": Wanted("AWSSecretsManager", ".*", {"productFamily": "API Request"}),
    "cloudwatch.alarm": Wanted("AmazonCloudWatch", "CW:AlarmMonitorUsage", {"alarmType": "Standard"}),
    "cloudwatch.composite": Wanted("AmazonCloudWatch", "CW:CompositeAlarmMonitorUsage"),
    "cloudwatch.dashboard": Wanted("AmazonCloudWatch", "DashboardsUsageHour", {"productFamily": "Dashboard"}),
    "cloudwatch.metric": Wanted("AmazonCloudWatch", "CW:MetricMonitorUsage"),
    "cloudwatch.request": Wanted("AmazonCloudWatch", "CW:Requests", {"operation": "PutMetricData"}),
    "cloudwatch.logs.gb": Wanted("AmazonCloudWatch", "DataProcessing-Bytes", {"productFamily": "Data Payload"}),
    "cloudwatch.logs.kept": Wanted("AmazonCloudWatch", "TimedStorage-ByteHrs"),
    "s3.gb": Wanted("AmazonS3", "TimedStorage-ByteHrs", {"volumeType": "Standard"}),
    "s3.put": Wanted("AmazonS3", "Requests-Tier1"),
    "s3.get": Wanted("AmazonS3", "Requests-Tier2"),
    "ecr.gb": Wanted("AmazonECR", "TimedStorage-ByteHrs"),
    "transfer.out": Wanted("AWSDataTransfer", "DataTransfer-Out-Bytes", {"transferType": "AWS Outbound"}),
    # Each side pays.
    "transfer.zones": Wanted("AWSDataTransfer", "DataTransfer-Regional-Bytes", {"transferType": "IntraRegion"}, 2.0),
    "firehose.gb": Wanted("AmazonKinesisFirehose", ".*", {"group": "Event-by-Event Processing", "sourcetype": ""}),
    "athena.tb": Wanted("AmazonAthena", "DataScannedInTB"),
    "kms.key": Wanted("awskms", "KMS-Keys"),
}


def wanted(key: str) -> Wanted:
    """Where the list has the price of this key of the table. KeyError for one that nobody has entered."""
    service, _, rest = key.partition(".")
    if service == "rds" and rest.startswith("db."):
        return Wanted("AmazonRDS", f"InstanceUsage:{re.escape(rest)}", POSTGRES | {"instanceType": rest})
    if service == "cache":
        engine, _, node = rest.partition(".")
        filters = {"cacheEngine": engine.title(), "instanceType": node}
        return Wanted("AmazonElastiCache", f"NodeUsage:{re.escape(node)}", filters)
    return WANTED[key]


def price(client: PricingClient, region: str, key: str) -> float:
    """The price on demand of the first unit that is not free, in USD. NotFoundError where it is not exactly one."""
    where = wanted(key)
    usage = re.compile(rf"(?:[A-Z]{{2,4}}\d?-)?(?:{where.usage})")
    found = {
        usd
        for product in _products(client, region, where)
        if usage.fullmatch(product["product"]["attributes"].get("usagetype", ""))
        for usd in [_first(product)]
        if usd
    }
    if len(found) != 1:
        raise NotFoundError(f"{key} in {region}: {sorted(found) or 'none'} of {where.service}, {where.usage}")
    return round(found.pop() * where.times, 12)


def _products(client: PricingClient, region: str, where: Wanted) -> Iterator[dict[str, Any]]:
    values = {"regionCode": region, **where.filters}
    if where.service == "AWSDataTransfer":
        values["fromRegionCode"] = values.pop("regionCode")
    pages = client.get_paginator("get_products").paginate(
        ServiceCode=where.service,
        Filters=[{"Type": "TERM_MATCH", "Field": name, "Value": value} for name, value in values.items()],
    )
    for page in pages:
        yield from map(json.loads, page["PriceList"])


def _first(product: Mapping[str, Any]) -> float:
    """Of the tiers on demand, the lowest that costs something; 0 where none does."""
    tiers = [
        (float(tier["beginRange"]), float(tier["pricePerUnit"]["USD"]))
        for term in product["terms"].get("OnDemand", {}).values()
        for tier in term["priceDimensions"].values()
        if "USD" in tier["pricePerUnit"]
    ]
    return next((usd for _, usd in sorted(tiers) if usd), 0.0)


def refresh(client: PricingClient, table: dict[str, Any], regions: list[str], month: str) -> list[str]:
    """Ask for each key in each region, and change the table. Returns what the list did not tell."""
    keys = list(table["regions"]["us-east-1"])
    problems: list[str] = []
    stale = set()
    for region in regions:
        own = table["regions"].setdefault(region, {})
        for key in keys:
            service = key.partition(".")[0]
            try:
                own[key] = price(client, region, key)
            except (NotFoundError, KeyError) as problem:
                problems.append(str(problem))
                stale.add(service)
        print(f"{region}: {len(own)} of {len(keys)} prices", flush=True)
    # A service's date is of all regions; one that was not asked keeps it.
    if set(regions) >= set(table["regions"]):
        for service, source in table["sources"].items():
            if service not in stale:
                source["as_of"] = month
    return problems


def main() -> int:
    """Ask, and write the table. 0 where all was told."""
    import boto3

    table = json.loads(TABLE.read_text(encoding="utf-8"))
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("regions", nargs="*", help="region codes; those of the table by default")
    regions = parser.parse_args().regions or list(table["regions"])
    month = datetime.datetime.now(datetime.UTC).strftime("%Y-%m")
    problems = refresh(boto3.client("pricing", region_name=ASKED), table, regions, month)
    TABLE.write_text(json.dumps(table, indent=2) + "\n", encoding="utf-8")
    for problem in problems:
        print(f"not told, left as it was: {problem}", file=sys.stderr)
    return bool(problems)


if __name__ == "__main__":
    sys.exit(main())
