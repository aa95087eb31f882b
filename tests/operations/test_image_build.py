"""How the images of a plan are built."""

from __future__ import annotations

import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from airflow_stack.backends.images import Image
from airflow_stack.errors import OperationError
from airflow_stack.operations import image_build

IMAGES = {name: Image(name, Path(name), f"airflow-stack/{name}:1", {}) for name in ("airflow", "postgres", "redis")}


@pytest.fixture
def ensured(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """`ensure` with a build of the test's own; returns what was said."""

    def run(build: Any, there: set[str]) -> list[str]:
        monkeypatch.setattr(image_build, "exists", lambda tag: tag in there)
        monkeypatch.setattr(image_build, "build", build)
        said: list[str] = []
        plan: Any = SimpleNamespace(images=IMAGES)
        machine: Any = SimpleNamespace(program=tmp_path)

        def say(text: str) -> None:
            assert threading.current_thread() is threading.main_thread(), "Pulumi's log is the main thread's"
            said.append(text)

        image_build.ensure(plan, machine, say)
        return said

    return run


def test_images_are_built_side_by_side(ensured: Any) -> None:
    """Rule: nobody waits for one image's packages before the next one's are asked for."""
    together = threading.Barrier(len(IMAGES), timeout=30)

    def build(image: Image, program: Path, say: Any) -> None:
        together.wait()
        say(f"  {image.name}: at work in {program.name}")

    said = ensured(build, set())
    assert said[0] == "images to build: airflow, postgres, redis"
    assert sum("at work" in text for text in said) == len(IMAGES)
    assert {text.partition(":")[0] for text in said[1:] if text.startswith("image ")} == {
        f"image {number} of 3" for number in (1, 2, 3)
    }


def test_what_is_there_is_not_built(ensured: Any) -> None:
    """Rule: a second run builds nothing, and says nothing."""
    built: list[str] = []
    assert ensured(lambda image, *_: built.append(image.name), {image.tag for image in IMAGES.values()}) == []
    assert built == []


def test_an_image_that_can_not_be_built(ensured: Any) -> None:
    """Rule: the first failure is the error, whatever the other builds still do."""
    never = threading.Event()

    def build(image: Image, *_: Any) -> None:
        if image.name == "redis":
            raise OperationError("image redis could not be built")
        never.wait(60)

    with pytest.raises(OperationError, match="redis could not be built"):
        ensured(build, set())
    never.set()
