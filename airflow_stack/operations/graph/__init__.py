"""`airflow-stack graph`: the topology of a stack, from the same description that is deployed."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from airflow_stack.errors import OperationError
from airflow_stack.operations.graph.topology import Topology
from airflow_stack.operations.target import target_of_file

Format = Literal["mermaid", "svg"]

SUFFIXES: dict[Format, tuple[str, ...]] = {"svg": (".svg",), "mermaid": (".mmd", ".mermaid")}


def topology(directory: Path, stack: str) -> Topology:
    """What the stack consists of; of its config alone, without Docker, Pulumi or a network."""
    found: Topology = target_of_file(directory, stack).topology()
    return found


def write(directory: Path, stack: str, form: Format | None, output: Path | None) -> str:
    """The picture as text, written to ``output`` where one is named, by whose suffix the format is told where it is
    not. Raises OperationError for a suffix that tells none, and for a file that can't be written."""
    if form is None:
        form = "mermaid" if output is None else _format(output)
    drawn = graph(directory, stack, form)
    if output is not None:
        try:
            output.write_text(drawn, encoding="utf-8")
        except OSError as error:
            raise OperationError(
                f"{output} can't be written: {error.strerror}.\nName a file in a directory that is there and yours."
            ) from None
    return drawn


def _format(output: Path) -> Format:
    for form, suffixes in SUFFIXES.items():
        if output.suffix.lower() in suffixes:
            return form
    raise OperationError(
        f"{output.name}: its suffix does not say what to draw.\nEnd it with .svg or .mmd, or add --format svg|mermaid"
    )


def graph(directory: Path, stack: str, form: Format) -> str:
    """The picture of the stack as text."""
    from airflow_stack.operations.graph.mermaid import mermaid
    from airflow_stack.operations.graph.svg import svg

    return (svg if form == "svg" else mermaid)(topology(directory, stack))
