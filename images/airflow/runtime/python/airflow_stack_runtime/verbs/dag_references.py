"""Which connections and variables DAGs ask for: in their code, their templates, their operators, and while imported."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

OPTIONAL = frozenset({"aws_default", "kubernetes_default"})
"""Default connections without which their hooks go on: with the role of the task, with the cluster around it."""

PLACEHOLDER = "0"
"""Stands for the value of a variable while a file is imported: what most that is done to a value accepts."""


@dataclass(frozen=True)
class Reference:
    """One place that asks for a connection or a variable."""

    kind: str
    """``connection`` or ``variable``."""
    name: str
    file: str = ""
    """Path in the container; empty where only the DAG knows."""
    line: int = 0
    where: str = ""
    """The task and its field, of what stands in no line of code."""
    at_import: bool = False


def in_code(source: str, file: str) -> Iterator[Reference]:
    """What literal names of a module's text say, whether the code runs now, in a task or never.

    ``Variable.get("x")`` without a default, ``….get_connection("x")``, and arguments such as ``http_conn_id="x"``.
    """
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Call):
            continue
        name = _literal(node.args[0]) if node.args else _keyword(node, "key") or _keyword(node, "conn_id")
        if isinstance(node.func, ast.Attribute) and name:
            if node.func.attr == "get" and _last(node.func.value) == "Variable" and not _has_default(node):
                yield Reference("variable", name, file, node.lineno)
            if node.func.attr == "get_connection":
                yield Reference("connection", name, file, node.lineno)
        for keyword in node.keywords:
            value = _literal(keyword.value)
            if value and is_connection(keyword.arg or "", value):
                yield Reference("connection", value, file, keyword.value.lineno)


def is_connection(attribute: str, value: Any) -> bool:
    """Whether an argument or attribute holds the name of a connection that must be there."""
    named = attribute == "conn_id" or attribute.endswith("_conn_id")
    return named and isinstance(value, str) and value != "" and "{{" not in value and value not in OPTIONAL


def in_template(tree: Any) -> Iterator[tuple[str, str]]:
    """Kinds and names in a parsed Jinja template, but for those with a default."""
    from jinja2 import nodes

    found: set[tuple[str, str]] = set()
    for node in tree.find_all((nodes.Getattr, nodes.Getitem)):
        match _path(node):
            case ("conn", str(name)) if name != "get":
                found.add(("connection", name))
            case ("var", "value" | "json", str(name)) if name != "get":
                found.add(("variable", name))
    for call in tree.find_all(nodes.Call):
        if len(call.args) != 1 or call.kwargs or not isinstance(call.args[0], nodes.Const):
            continue
        match _path(call.node):
            case ("conn", "get"):
                found.add(("connection", str(call.args[0].value)))
            case ("var", "value" | "json", "get"):
                found.add(("variable", str(call.args[0].value)))
    yield from sorted(found)


def in_dag(dag: Any) -> Iterator[Reference]:
    """What a DAG's operators hold: names of connections, and templates. One that can't be read asks for nothing."""
    from jinja2 import TemplateError

    environment = dag.get_template_env()
    for task in dag.tasks:
        mapped = getattr(task, "partial_kwargs", None)
        attributes = dict(mapped) if mapped is not None else vars(task)
        for attribute, value in attributes.items():
            if is_connection(attribute, value):
                yield Reference("connection", value, where=f"{dag.dag_id}.{task.task_id}: {attribute}")
        for field in task.template_fields:
            for text in _texts(attributes.get(field)):
                try:
                    found = list(in_template(environment.parse(text)))
                except TemplateError:
                    continue
                for kind, name in found:
                    yield Reference(kind, name, where=f"{dag.dag_id}.{task.task_id}: {field}")


class Lookups:
    """What is looked up while a file is imported. What is not there is replaced, so that the import goes on."""

    def __init__(self, place: Callable[[], tuple[str, int]]) -> None:
        """``place`` says which line of the user's is running."""
        self._place = place
        self.references: list[Reference] = []

    def watch(self) -> None:
        """From now on, in this process."""
        from airflow.exceptions import AirflowNotFoundException
        from airflow.models import Connection, Variable

        get, from_secrets = Variable.get, Connection.get_connection_from_secrets

        def variable(key: str, *arguments: Any, **options: Any) -> Any:
            try:
                return get(key, *arguments, **options)
            except KeyError:
                self._note("variable", key)
                as_json = options.get("deserialize_json", arguments[1] if len(arguments) > 1 else False)
                return {} if as_json else PLACEHOLDER

        def connection(conn_id: str) -> Any:
            try:
                return from_secrets(conn_id)
            except AirflowNotFoundException:
                self._note("connection", conn_id)
                return Connection(conn_id)

        Variable.get = staticmethod(variable)
        Connection.get_connection_from_secrets = staticmethod(connection)

    def _note(self, kind: str, name: str) -> None:
        file, line = self._place()
        self.references.append(Reference(kind, name, file, line, at_import=True))


def _literal(node: ast.expr) -> str:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""


def _keyword(call: ast.Call, name: str) -> str:
    return next((_literal(keyword.value) for keyword in call.keywords if keyword.arg == name), "")


def _last(node: ast.expr) -> str:
    return node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""


def _has_default(call: ast.Call) -> bool:
    return len(call.args) > 1 or any(keyword.arg in ("default_var", None) for keyword in call.keywords)


def _path(node: Any) -> tuple[Any, ...]:
    """``var.value.x`` and ``var["value"].x`` as their parts; empty for anything else."""
    from jinja2 import nodes

    if isinstance(node, nodes.Name):
        return (node.name,)
    parent = _path(node.node) if isinstance(node, nodes.Getattr | nodes.Getitem) else ()
    if parent and isinstance(node, nodes.Getattr):
        return (*parent, node.attr)
    if parent and isinstance(node.arg, nodes.Const):
        return (*parent, node.arg.value)
    return ()


def _texts(value: Any) -> Iterator[str]:
    """Every string in a template field."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for inner in value.values():
            yield from _texts(inner)
    elif isinstance(value, list | tuple | set):
        for inner in value:
            yield from _texts(inner)
