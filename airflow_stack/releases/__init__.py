"""Releases of Airflow: what depends on a version or on a role is data here, and nowhere else. Pure.

A release is one entry; its line holds what its patch releases share.
"""

from airflow_stack.releases import line_2_10
from airflow_stack.releases.model import Release, RoleSpec, Share
from airflow_stack.releases.options import Option, Options

RELEASES: dict[str, Release] = {
    release.version: release
    for release in (
        line_2_10.release("2.10.2", python="3.11"),
        line_2_10.release("2.11.2", python="3.11"),
    )
}  # fmt: skip
"""By version."""

DEFAULT = "2.10.2"
"""Of a stack that names none."""

__all__ = ["DEFAULT", "RELEASES", "Option", "Options", "Release", "RoleSpec", "Share"]
