"""Makes the image's package importable, and plays the modules that only the image has."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

RUNTIME = Path(__file__).parents[2] / "images" / "airflow" / "runtime"
sys.path.append(str(RUNTIME / "python"))


@pytest.fixture
def stand_in(monkeypatch: pytest.MonkeyPatch) -> Callable[..., ModuleType]:
    """``stand_in("celery.signals", worker_init=…)``: a module of that name, parents included, for one test."""

    def make(name: str, **contents: Any) -> ModuleType:
        parts = name.split(".")
        for number in range(1, len(parts) + 1):
            path = ".".join(parts[:number])
            if path not in sys.modules:
                module = ModuleType(path)
                module.__path__ = []
                monkeypatch.setitem(sys.modules, path, module)
                if number > 1:
                    monkeypatch.setattr(
                        sys.modules[".".join(parts[: number - 1])], parts[number - 1], module, raising=False
                    )
        module = sys.modules[name]
        for key, value in contents.items():
            monkeypatch.setattr(module, key, value, raising=False)
        return module

    return make


class Signal:
    """As Celery's: keeps who wants to be called."""

    def __init__(self) -> None:
        """Nobody yet."""
        self.receivers: list[Callable[..., Any]] = []

    def connect(self, receiver: Callable[..., Any] | None = None, weak: bool = True) -> Any:
        """Register, as a decorator or not."""
        if receiver is None:
            return lambda function: self.connect(function, weak=weak)
        assert not weak, "a weak reference to a closure is gone at once"
        self.receivers.append(receiver)
        return receiver

    def send(self, sender: Any = None) -> None:
        """Call all."""
        for receiver in self.receivers:
            receiver(sender=sender)


@pytest.fixture
def signals(stand_in: Callable[..., ModuleType]) -> SimpleNamespace:
    """Celery's signals."""
    names = ("worker_init", "worker_shutdown", "worker_shutting_down", "task_received")
    return stand_in("celery.signals", **{name: Signal() for name in names})  # type: ignore[return-value]


@pytest.fixture
def fresh() -> Iterator[Callable[[str], ModuleType]]:
    """Import a module of the runtime anew, and forget it after the test: what it imported was a stand-in."""
    loaded: list[str] = []

    def load(name: str) -> ModuleType:
        path = f"airflow_stack_runtime.{name}"
        sys.modules.pop(path, None)
        loaded.append(path)
        return importlib.import_module(path)

    yield load
    for path in loaded:
        sys.modules.pop(path, None)
