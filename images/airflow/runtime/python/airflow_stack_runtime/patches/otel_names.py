"""Gives Airflow's logger of OpenTelemetry valid names, where its own check would raise and end who measures.

`metric_names` does the same for statsd, by an option; no option reaches these methods. Without ``metrics.otel_on``
nothing is replaced.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from airflow_stack_runtime.metric_names import valid

OTEL_LIMIT = 63
"""Of OpenTelemetry's names, prefix included, as Airflow counts."""


def apply() -> None:
    """In each process, before it measures."""
    from airflow.configuration import conf

    if not conf.getboolean("metrics", "otel_on"):
        return
    from airflow.metrics import otel_logger
    from airflow.metrics.validators import stat_name_otel_handler

    def safe(prefix: str, name: Any) -> Any:
        try:
            stat_name_otel_handler(prefix, name)
        except Exception:
            return valid(str(name), OTEL_LIMIT - len(prefix) - 1)
        return name

    def guarded(method: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(method)
        def call(self: Any, stat: Any = None, *args: Any, **kwargs: Any) -> Any:
            if kwargs.get("back_compat_name"):
                kwargs["back_compat_name"] = safe(self.prefix, kwargs["back_compat_name"])
            return method(self, safe(self.prefix, stat) if stat is not None else None, *args, **kwargs)

        return call

    for name in ("incr", "decr", "gauge", "timing", "timer"):
        setattr(otel_logger.SafeOtelLogger, name, guarded(getattr(otel_logger.SafeOtelLogger, name)))
