"""List prices of AWS in USD, on demand, without tax, discounts, free tiers or savings plans.

Collected in November 2026 without access to AWS: from copies of its price list and from bills that are published,
of the months that ``SOURCES`` names. Each was right then as far as these sources are; none was asked from AWS itself.
Check them on the pages that are named before you rely on a total.
"""

from __future__ import annotations

from airflow_stack.config.aws.types import RDS_MEMORY
from airflow_stack.errors import OperationError

# By the first word of a price's key: AWS's own page, and the month of the copy that the table follows.
SOURCES: dict[str, tuple[str, str]] = {
    "fargate": ("https://aws.amazon.com/fargate/pricing/", "2026-07"),
    "alb": ("https://aws.amazon.com/elasticloadbalancing/pricing/", "2026-07"),
    "vpc": ("https://aws.amazon.com/vpc/pricing/", "2026-07"),
    "rds": ("https://aws.amazon.com/rds/postgresql/pricing/", "2026-09"),
    "cache": ("https://aws.amazon.com/elasticache/pricing/", "2026-10"),
    "sqs": ("https://aws.amazon.com/sqs/pricing/", "2026-07"),
    "secrets": ("https://aws.amazon.com/secrets-manager/pricing/", "2026-07"),
    "cloudwatch": ("https://aws.amazon.com/cloudwatch/pricing/", "2026-07"),
    "s3": ("https://aws.amazon.com/s3/pricing/", "2026-07"),
    "ecr": ("https://aws.amazon.com/ecr/pricing/", "2026-07"),
    "transfer": ("https://aws.amazon.com/ec2/pricing/on-demand/#Data_Transfer", "2026-07"),
    "firehose": ("https://aws.amazon.com/firehose/pricing/", "2025"),
    "athena": ("https://aws.amazon.com/athena/pricing/", "2025"),
    "kms": ("https://aws.amazon.com/kms/pricing/", "2026-07"),
}
AS_OF = "2025 to 2026-10"

# Spot has no list price: AWS moves it, between 30 and 50 per cent of the price on demand. In the middle:
SPOT_SHARE = 0.4

_LARGE = {"large": 1, "xlarge": 2, "2xlarge": 4, "4xlarge": 8, "8xlarge": 16}


def _sizes(prefix: str, large: float, sizes: dict[str, int]) -> dict[str, float]:
    """A family's price goes with its size; AWS rounds to a tenth of a cent, which is lost here."""
    return {f"{prefix}.{size}": round(large * times, 4) for size, times in sizes.items()}


# Hours are of one vCPU, GB, gateway, address or node; GB that are kept are a month's; requests and metrics are single.
US_EAST_1: dict[str, float] = {
    "fargate.ARM64.vcpu": 0.03238,
    "fargate.ARM64.gb": 0.00356,
    "fargate.X86_64.vcpu": 0.04048,
    "fargate.X86_64.gb": 0.004445,
    "fargate.disk": 0.000111,
    "alb.hour": 0.0225,
    "alb.lcu": 0.008,
    "vpc.nat.hour": 0.045,
    "vpc.nat.gb": 0.045,
    "vpc.address": 0.005,
    "vpc.endpoint.hour": 0.01,
    "vpc.endpoint.gb": 0.01,
    "rds.db.t4g.micro": 0.016,
    "rds.db.t4g.small": 0.032,
    "rds.db.t4g.medium": 0.065,
    **_sizes("rds.db.t4g", 0.129, {"large": 1, "xlarge": 2, "2xlarge": 4}),
    **_sizes("rds.db.m6g", 0.159, _LARGE),
    **_sizes("rds.db.m7g", 0.168, _LARGE),
    **_sizes("rds.db.r6g", 0.225, _LARGE),
    **_sizes("rds.db.r7g", 0.239, _LARGE),
    "rds.gp3": 0.115,
    "cache.redis.cache.t4g.micro": 0.016,
    "cache.redis.cache.t4g.small": 0.032,
    "cache.redis.cache.t4g.medium": 0.065,
    "cache.redis.cache.m7g.large": 0.158,
    "cache.redis.cache.m7g.xlarge": 0.315,
    "cache.redis.cache.m7g.2xlarge": 0.629,
    "cache.redis.cache.m7g.4xlarge": 1.257,
    "cache.redis.cache.r7g.large": 0.219,
    "cache.redis.cache.r7g.xlarge": 0.437,
    "cache.redis.cache.r7g.2xlarge": 0.873,
    "cache.redis.cache.r7g.4xlarge": 1.745,
    "sqs.request": 0.40e-6,
    "secrets.secret": 0.40,
    "secrets.call": 0.05e-4,
    "cloudwatch.alarm": 0.10,
    "cloudwatch.composite": 0.50,
    "cloudwatch.dashboard": 3.00,
    "cloudwatch.metric": 0.30,
    "cloudwatch.request": 0.01e-3,
    "cloudwatch.logs.gb": 0.50,
    "cloudwatch.logs.kept": 0.03,
    "s3.gb": 0.023,
    "s3.put": 0.005e-3,
    "s3.get": 0.0004e-3,
    "ecr.gb": 0.10,
    "transfer.out": 0.09,
    "transfer.zones": 0.02,  # a cent on each side
    "firehose.gb": 0.029,
    "athena.tb": 5.00,
    "kms.key": 1.00,
}
# What is known of a region by itself. For the rest of a service, us-east-1 times the factor: marked in every output.
REGIONS: dict[str, dict[str, float]] = {
    "us-east-1": US_EAST_1,
    "eu-west-1": {
        "fargate.ARM64.vcpu": 0.03238,
        "fargate.ARM64.gb": 0.00356,
        "fargate.X86_64.vcpu": 0.04048,
        "fargate.X86_64.gb": 0.004445,
        "fargate.disk": 0.000111,
        "alb.hour": 0.0252,
        "vpc.nat.hour": 0.048,
        "vpc.nat.gb": 0.048,
        "vpc.endpoint.hour": 0.011,
        "rds.db.t4g.micro": 0.017,
        "rds.db.t4g.small": 0.035,
        "rds.gp3": 0.127,
        "cloudwatch.logs.gb": 0.57,
        "s3.gb": 0.023,
    },
    "eu-central-1": {
        "fargate.ARM64.vcpu": 0.03725,
        "fargate.ARM64.gb": 0.00409,
        "fargate.X86_64.vcpu": 0.04656,
        "fargate.X86_64.gb": 0.00511,
        "alb.hour": 0.027,
        "vpc.nat.hour": 0.052,
        "vpc.nat.gb": 0.052,
        "vpc.endpoint.hour": 0.012,
        "rds.db.t4g.micro": 0.019,
        "rds.gp3": 0.137,
        "cloudwatch.logs.gb": 0.63,
        "s3.gb": 0.0245,
    },
}
FACTORS: dict[str, dict[str, float]] = {
    "eu-west-1": {"rds": 1.11, "cache": 1.11, "firehose": 1.07},
    "eu-central-1": {"rds": 1.19, "cache": 1.19, "fargate": 1.15, "firehose": 1.14},
}
# These cost the same in all three regions, or nearly so.
_WITHOUT_FACTOR = ("alb", "vpc", "sqs", "secrets", "cloudwatch", "s3", "ecr", "transfer", "athena", "kms")


class PriceError(OperationError):
    """The table has no such price: a region or a size that nobody has entered."""


class Prices:
    """The prices of one region. Raises PriceError where the table has none of it."""

    def __init__(self, region: str) -> None:
        if region not in REGIONS:
            raise PriceError(
                f"there are no prices for {region} in the table of {AS_OF}: it has {', '.join(REGIONS)}.\n"
                "For an idea, set target.region to the nearest of them; exactly: https://calculator.aws"
            )
        self.region = region
        self._derived: set[str] = set()

    def usd(self, key: str) -> float:
        """One price. Raises PriceError for a size that is not in the table."""
        own = REGIONS[self.region].get(key)
        if own is not None:
            return own
        if key not in US_EAST_1:
            raise PriceError(f"there is no price of {key.partition('.')[2]} in the table of {AS_OF}")
        service = key.partition(".")[0]
        factor = FACTORS[self.region].get(service, 1.0)
        if service not in _WITHOUT_FACTOR:
            self._derived.add(key)
        return US_EAST_1[key] * factor

    def cache(self, engine: str, node: str) -> tuple[str, float]:
        """Key and price of an ElastiCache node: one of Valkey costs four fifths of one of Redis."""
        key = f"cache.redis.{node}"
        return key, self.usd(key) * (0.8 if engine == "valkey" else 1.0)

    def is_derived(self, key: str) -> bool:
        """Whether the price was made of another region's."""
        return key in self._derived


def missing_classes() -> set[str]:
    """Instance classes that config allows and the table lacks."""
    return {name for name in RDS_MEMORY if f"rds.{name}" not in US_EAST_1}
