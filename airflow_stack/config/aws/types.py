"""Named constraints of AWS, and the tables that it publishes as documentation alone."""

from __future__ import annotations

import difflib
import ipaddress
import re
from typing import Annotated, Literal, get_args
from zoneinfo import available_timezones

from pydantic import AfterValidator, Field

from airflow_stack.config.types import matches

# CPU units of Fargate, and the MiB of memory that go with each.
# https://docs.aws.amazon.com/AmazonECS/latest/developerguide/fargate-tasks-services.html
FARGATE_MEMORY: dict[int, tuple[int, ...]] = {
    256: (512, 1024, 2048),
    512: tuple(range(1024, 4096 + 1, 1024)),
    1024: tuple(range(2048, 8192 + 1, 1024)),
    2048: tuple(range(4096, 16384 + 1, 1024)),
    4096: tuple(range(8192, 30720 + 1, 1024)),
    8192: tuple(range(16384, 61440 + 1, 4096)),
    16384: tuple(range(32768, 122880 + 1, 8192)),
}
# Pinned, so that no task runs on another platform than the last one. 1.4.0 is the newest of Linux.
# https://docs.aws.amazon.com/AmazonECS/latest/developerguide/platform-fargate.html
FARGATE_PLATFORM = "1.4.0"
FargateCpu = Literal[256, 512, 1024, 2048, 4096, 8192, 16384]

# What CloudWatch Logs accepts as retentionInDays.
# https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutRetentionPolicy.html
RetentionDays = Literal[
    1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653
]  # fmt: skip
RETENTION_DAYS = get_args(RetentionDays)

# GiB of memory by size; an instance class is db.<family>.<size>.
# https://aws.amazon.com/rds/instance-types/
RDS_MEMORY: dict[str, int] = {
    **{f"db.t4g.{size}": gib for size, gib in
       {"micro": 1, "small": 2, "medium": 4, "large": 8, "xlarge": 16, "2xlarge": 32}.items()},
    **{f"db.{family}.{size}": gib for family in ("m6g", "m7g") for size, gib in
       {"large": 8, "xlarge": 16, "2xlarge": 32, "4xlarge": 64, "8xlarge": 128}.items()},
    **{f"db.{family}.{size}": gib for family in ("r6g", "r7g") for size, gib in
       {"large": 16, "xlarge": 32, "2xlarge": 64, "4xlarge": 128, "8xlarge": 256}.items()},
}  # fmt: skip

_CRON_FIELD = r"[0-9A-Za-z,*/?#L-]+"
_CRON = re.compile(rf"{_CRON_FIELD}( {_CRON_FIELD}){{5}}")
_CRON_RANGES = ((0, 59), (0, 23), (1, 31), (1, 12), (1, 7), (1970, 2199))
_CRON_NAMES: tuple[tuple[str, ...], ...] = (
    (), (), (), ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"),
    ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"), (),
)  # fmt: skip


def cidr(value: str) -> ipaddress.IPv4Network:
    """The network of an IPv4 CIDR. ValueError where it is none, or where the address has bits below the mask."""
    if "/" not in value:
        raise ValueError("must be an IPv4 CIDR, with its mask")
    try:
        return ipaddress.IPv4Network(value)
    except ValueError as error:
        reason = "its address has bits beyond the mask" if "host bits" in str(error) else "it is none"
        raise ValueError(f"must be an IPv4 CIDR; {reason}") from None


def _is_cidr(value: str) -> str:
    cidr(value)
    return value


def _cron(value: str) -> str:
    rule = (
        "must be a cron expression of AWS: minutes hours day-of-month month day-of-week year, with ? for one of the"
        " two days"
    )
    if not _CRON.fullmatch(value):
        raise ValueError(rule)
    fields = value.split(" ")
    if (fields[2] == "?") == (fields[4] == "?"):
        raise ValueError(rule)
    for field, (low, high), names in zip(fields, _CRON_RANGES, _CRON_NAMES, strict=True):
        if not _cron_field(field, low, high, names):
            raise ValueError(rule)
    return value


def _cron_field(field: str, low: int, high: int, names: tuple[str, ...]) -> bool:
    for part in field.split(","):
        base, _, step = part.partition("/")
        if step and not (step.isdigit() and int(step) > 0):
            return False
        if base in ("*", "?", "L") or re.fullmatch(r"[0-9]{1,2}[WL]|LW|[1-7]#[1-5]", base):
            continue
        for end in base.split("-", 1):
            if end.upper() in names:
                continue
            if not (end.isdigit() and low <= int(end) <= high):
                return False
    return True


def _known_time_zone(value: str) -> str:
    """A typo would be found by AWS, in the middle of a deployment. A machine without a list of them has to ask AWS."""
    known = available_timezones()
    if known and value not in known:
        near = difflib.get_close_matches(value, known, n=1)
        raise ValueError(f"is not the name of a time zone{f'; did you mean {near[0]}?' if near else ''}")
    return value


def _unique(values: list[str]) -> list[str]:
    if len(set(values)) != len(values):
        raise ValueError("must not name the same one twice")
    return values


Unique = AfterValidator(_unique)


def _standard_names(value: str) -> str:
    """The partitions of China and of isolated regions have endpoints, images and services of other names."""
    if value.startswith("cn-") or "-iso" in value:
        raise ValueError("is a region of a partition whose endpoints have other names: take one of aws or aws-us-gov")
    return value


Region = Annotated[
    str,
    matches(r"[a-z]{2}(-[a-z]+){1,3}-[0-9]", "must be the name of an AWS region"),
    AfterValidator(_standard_names),
    Field(examples=["eu-central-1"]),
]
Cidr = Annotated[str, AfterValidator(_is_cidr), Field(examples=["203.0.113.0/24"])]

# Load balancers and target groups allow 32 characters, of which our suffixes take up to 12.
AwsName = Annotated[
    str,
    matches(
        r"(?!internal-|sg-)[a-z](?!.*--)[a-z0-9-]{0,18}[a-z0-9]",
        "must be 2 to 20 lower-case letters, digits or single -, starting with a letter and not ending with -, and not"
        " starting with internal- or sg-: AWS allows a load balancer's name 32 characters, keeps these beginnings for"
        " itself, and the names of all parts are made of this one",
    ),
    Field(examples=["airflow"]),
]
VpcId = Annotated[
    str, matches(r"vpc-[0-9a-f]{8,17}", "must be the id of a VPC"), Field(examples=["vpc-0a1b2c3d4e5f67890"])
]
SubnetId = Annotated[
    str,
    matches(r"subnet-[0-9a-f]{8,17}", "must be the id of a subnet"),
    Field(examples=["subnet-0a1b2c3d4e5f67890"]),
]
ZoneLetter = Annotated[str, matches(r"[a-f]", "must be the letter of an availability zone"), Field(examples=["a"])]
Domain = Annotated[
    str,
    matches(
        r"(?=.{4,64}$)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,24}",
        "must be a domain name of at most 64 characters, in lower case, without https:// and without a path",
    ),
    Field(examples=["airflow.example.com"]),
]
HostedZoneId = Annotated[
    str,
    matches(r"Z[A-Z0-9]{8,31}", "must be the id of a Route 53 hosted zone"),
    Field(examples=["Z0123456789ABCDEFGHIJ"]),
]
CertificateArn = Annotated[
    str,
    matches(
        r"arn:aws[a-z-]*:acm:[a-z0-9-]+:[0-9]{12}:certificate/[0-9a-f-]{36}", "must be the ARN of an ACM certificate"
    ),
    Field(examples=["arn:aws:acm:eu-central-1:123456789012:certificate/01234567-89ab-cdef-0123-456789abcdef"]),
]
HttpsUrl = Annotated[
    str,
    matches(r"https://[A-Za-z0-9.-]+(:[0-9]{1,5})?(/[A-Za-z0-9._~%/-]*)?", "must be an https:// URL without a query"),
    Field(examples=["https://login.example.com/oauth2/token"]),
]
Cron = Annotated[str, AfterValidator(_cron), Field(examples=["0 20 ? * MON-FRI *"])]
TimeZone = Annotated[
    str,
    matches(r"UTC|[A-Z][A-Za-z]+(/[A-Z][A-Za-z0-9_+-]+){1,2}", "must be the name of a time zone"),
    AfterValidator(_known_time_zone),
    Field(examples=["Europe/Berlin"]),
]
InstanceClass = Annotated[str, Field(examples=["db.t4g.micro"])]
