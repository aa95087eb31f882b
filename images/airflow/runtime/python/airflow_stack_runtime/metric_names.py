"""Names of metrics that every receiver takes, whatever a DAG's author calls DAGs, tasks, pools and files.

Airflow makes names of metrics from ids, and drops a name that statsd can't have; of a timer, nothing is left then that
``with`` could enter, and whoever measures ends: the scheduler by one DAG run, the task before its first line.
https://github.com/apache/airflow/issues/18010, https://github.com/apache/airflow/issues/8634
Airflow's option ``metrics.stat_name_handler`` names `handle` below. OpenTelemetry has no such option:
`patches/otel_names.py`.
"""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Callable
from functools import lru_cache
from hashlib import blake2b
from importlib import import_module

LIMIT = 240
"""Characters. Airflow allows 250, CloudWatch 255 with ``airflow_`` in front."""
PART = 60
"""Characters of each part between two dots, where the whole is too long."""
OWN_HANDLER = "AIRFLOW_STACK_STAT_NAME_HANDLER"
"""Variable with the user's ``metrics.stat_name_handler``: it is asked first."""

_VALID = re.compile(r"[A-Za-z0-9_.-]+")
_INVALID = re.compile(r"[^A-Za-z0-9_-]+")

log = logging.getLogger(__name__)


def handle(name: str) -> str:
    """Return the name itself if it is valid, else a valid one that no other name gets. Never raises."""
    own = _own_handler(os.environ.get(OWN_HANDLER, ""))
    if own is not None:
        try:
            name = own(name)
        except Exception as error:
            # It may mean to drop the metric, but of a timer that ends who measures. metrics_block_list does drop.
            _say_once(f"metrics.stat_name_handler raised {type(error).__name__}: the metric keeps its name.")
    return valid(str(name), influxdb=_influxdb())


@lru_cache(maxsize=8192)
def valid(name: str, limit: int = LIMIT, *, influxdb: bool = False) -> str:
    """The same name for the same text; ``limit`` in characters. ``influxdb``: tags follow, as ``,key=value``."""
    if influxdb:
        stat, *tags = name.split(",")
        return ",".join((valid(stat, limit), *(_tag(tag) for tag in tags)))
    if len(name) <= limit and _VALID.fullmatch(name):
        return name
    parts = [_part(part) for part in name.split(".")]
    if len(".".join(parts)) > limit:
        parts = [_part(part, PART) for part in name.split(".")]
    whole = ".".join(parts)
    if len(whole) <= limit:
        return whole or _hash(name)
    # Many parts: the first ones say what it is, the last one what is measured.
    last = _part(name.rpartition(".")[2], max(16, limit // 4))
    kept = limit - len(last) - len(_hash(name)) - 2
    return f"{whole[:kept]}_{_hash(name)}.{last}"


def _part(text: str, limit: int = LIMIT) -> str:
    """What of a text is readable, and a hash of it where something is changed or cut."""
    if len(text) <= limit and not _INVALID.search(text):
        return text
    readable = _INVALID.sub("_", _ascii(text)).strip("_")
    return f"{readable[: limit - 9].rstrip('_')}_{_hash(text)}".lstrip("_")


def _tag(text: str) -> str:
    key, equals, value = text.partition("=")
    if not equals:
        return _part(text, PART)
    return f"{_part(key, PART)}={valid(value)}"


def _ascii(text: str) -> str:
    """Latin letters for other ones where that is known: ``отчёт`` is ``otchiot``. A library of Airflow's knows."""
    try:
        from text_unidecode import unidecode
    except ImportError:
        return text
    return str(unidecode(text))


def _hash(text: str) -> str:
    return blake2b(text.encode(errors="surrogatepass"), digest_size=4).hexdigest()


@lru_cache(maxsize=1)
def _own_handler(path: str) -> Callable[[str], str] | None:
    if not path:
        return None
    module, _, name = path.rpartition(".")
    try:
        found: Callable[[str], str] = getattr(import_module(module), name)
    except Exception as error:
        log.error("metrics.stat_name_handler %s can't be imported (%s): names stay as they are.", path, error)
        return None
    return found


@lru_cache(maxsize=1)
def _influxdb() -> bool:
    from airflow.configuration import conf

    return bool(conf.getboolean("metrics", "statsd_influxdb_enabled", fallback=False))


@lru_cache(maxsize=16)
def _say_once(sentence: str) -> None:
    log.error(sentence)
