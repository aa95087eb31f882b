"""What this machine reaches: PyPI by pip's own settings, and the time that it tells."""

from __future__ import annotations

import os
import ssl
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import suppress
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

from airflow_stack.operations.doctor.finding import LIMIT, Finding, missing, ok, warning

PYPI = "https://pypi.org/simple"
# Seconds. AWS refuses a request that is signed more than five minutes off, and a database's leases begin to suffer
# long before. HTTP's own date is cut to whole seconds.
TOLERATED = 5.0
REFUSED = 240.0


def pypi() -> Iterator[Finding]:
    """The index that pip uses, and the clock against its own."""
    index, certificates = _pip()
    host = urlsplit(index).hostname or "PyPI"  # the address may hold a password
    try:
        before = time.time()
        date = _date(index, certificates)
        between = (before + time.time()) / 2
    except (OSError, ValueError) as error:
        reason = getattr(error, "reason", error)
        told = reason.strerror if isinstance(reason, OSError) and reason.strerror else type(reason).__name__
        yield warning(
            "PyPI", f"{host} is not reached ({told})",
            "`make` can't install its requirements, and no image can be built anew; what is there runs",
            "pip config set global.index-url https://your.mirror/simple",
        )  # fmt: skip
        return
    yield ok("PyPI", f"{host} answers")
    if date is not None:
        yield from skew("Clock", between - date - 0.5, f"against {host}")


def skew(what: str, seconds: float, against: str, mend: str = "") -> Iterator[Finding]:
    """A clock that is ahead (positive) or behind by so many seconds."""
    if abs(seconds) <= TOLERATED:
        yield ok(what, f"right within {TOLERATED:.0f} s, {against}")
        return
    off = f"{abs(seconds):.0f} s {'ahead' if seconds > 0 else 'behind'}, {against}"
    mend = mend or ("sudo sntp -sS time.apple.com" if sys.platform == "darwin" else "sudo timedatectl set-ntp true")
    if abs(seconds) >= REFUSED:
        cost = "AWS refuses what is signed five minutes off; runs start at the wrong time"
        yield missing(what, off, cost, mend)
    else:
        yield warning(what, off, "runs start at the wrong time, and heartbeats look older or younger", mend)


def _date(index: str, certificates: str | None) -> float | None:
    """The server's time. Any answer is one: a mirror may ask for the login that is not sent here."""
    parts = urlsplit(index)
    bare = parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()
    if parts.scheme not in ("http", "https"):
        raise ValueError("not an address of the web")
    request = urllib.request.Request(f"{bare.rstrip('/')}/pip/", method="HEAD")  # noqa: S310 - checked above
    context = ssl.create_default_context(cafile=certificates) if parts.scheme == "https" else None
    try:
        with urllib.request.urlopen(request, timeout=LIMIT - 0.7, context=context) as answer:  # noqa: S310
            headers = answer.headers
    except urllib.error.HTTPError as error:
        headers = error.headers
    date = headers.get("Date")
    return parsedate_to_datetime(date).timestamp() if date else None


def _pip() -> tuple[str, str | None]:
    """Address of pip's index, and its file of certificates, from wherever pip takes them."""
    if index := os.environ.get("PIP_INDEX_URL"):  # wins over every file, and pip takes a while to say so
        return index, os.environ.get("PIP_CERT")
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "config", "list"]
    with suppress(subprocess.TimeoutExpired):
        result = subprocess.run(command, capture_output=True, text=True, check=False, timeout=LIMIT / 2)
        # Lines such as global.index-url='…', of which those from the environment, which win, come first.
        settings = dict(line.split("=", 1) for line in reversed(result.stdout.splitlines()) if "=" in line)
        known = {key.rpartition(".")[2]: value.strip("'\"") for key, value in settings.items()}
        return known.get("index-url", PYPI), known.get("cert")
    return PYPI, None
