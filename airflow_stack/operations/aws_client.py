"""AWS's own interface: who asks it, and what goes wrong, said plainly."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from airflow_stack.errors import OperationError


def client(service: str, region: str) -> Any:
    """A client of boto3, which takes credentials and endpoint from its usual places."""
    import boto3
    from botocore.config import Config

    # https://boto3.amazonaws.com/v1/documentation/api/latest/guide/retries.html
    return boto3.client(  # type: ignore[call-overload] # the name is a variable
        service, region_name=region, config=Config(retries={"mode": "standard", "max_attempts": 8})
    )


@contextmanager
def plain_errors(region: str) -> Iterator[None]:
    """What boto3 raises, as OperationError."""
    from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError

    try:
        yield
    except NoCredentialsError:
        raise OperationError(
            "there are no AWS credentials.\nSet AWS_PROFILE, or log in with `aws sso login`, and run it again."
        ) from None
    except ClientError as error:
        known = error.response.get("Error", {})
        raise OperationError(
            f"AWS refuses {error.operation_name} in {region}: {known.get('Message') or known.get('Code')}"
        ) from None
    except BotoCoreError as error:
        raise OperationError(f"AWS cannot be reached in {region}: {error}") from None
