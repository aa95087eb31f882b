"""Runs one DAG in this process, without scheduler, workers and triggerer: one line of JSON says how it has ended.

``DAG.test``, which ``airflow dags test`` calls, does the work.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from airflow_stack_runtime.patches import loader
from airflow_stack_runtime.verbs import loaded_first, throwaway
from airflow_stack_runtime.verbs.dag_file import Found, examine

HOME = Path(os.environ.get("AIRFLOW_HOME", "/opt/airflow"))


def needs_docker(tasks: Iterable[Any]) -> list[str]:
    """Tasks that start a container: there is no Docker here."""
    return sorted(task.task_id for task in tasks if _class(task, "DockerOperator"))


def _class(task: Any, name: str) -> bool:
    of = getattr(task, "operator_class", type(task))  # of a mapped task
    return any(base.__name__ == name for base in getattr(of, "__mro__", ()))


def state_of(instances: Iterable[Any]) -> dict[str, str]:
    """State by task, ``task[2]`` for the third of a mapped one."""
    states = {}
    for instance in sorted(instances, key=lambda each: (each.task_id, each.map_index)):
        name = instance.task_id if instance.map_index < 0 else f"{instance.task_id}[{instance.map_index}]"
        states[name] = str(getattr(instance.state, "value", instance.state) or "none")
    return states


def find(wanted: str, paths: Iterable[str], look: Callable[[str], Found]) -> tuple[str, list[Found]]:
    """The file that holds the DAG, empty where none does, and what was seen of the files before it.

    Each is imported apart, since another one's mistake is not this DAG's; those that hold its name go first.
    """
    seen = []
    for path in sorted(paths, key=lambda each: (wanted.encode() not in Path(each).read_bytes(), each)):
        seen.append(look(path))
        if wanted in seen[-1].dags:
            return path, seen
    return "", seen


def run(wanted: str, date: str | None, conf: Any) -> dict[str, Any]:
    """Run the DAG of this name; how it ended, by task too."""
    first = loaded_first.load(HOME, [str(HOME)])
    if any(each.kind != "plugin" for each in first):
        return {"state": "not started", "problems": [asdict(each) for each in first]}
    throwaway.create_tables()
    from airflow.configuration import conf as options
    from airflow.models.dagbag import DagBag
    from airflow.utils import timezone
    from airflow.utils.file import list_py_file_paths

    limit = options.getfloat("core", "dag_file_processor_timeout")
    path, seen = find(wanted, list_py_file_paths(HOME / "dags"), lambda each: examine(each, [str(HOME)], limit))
    if not path:
        broken = [found for found in seen if found.problems]
        named = [
            each for found in broken for each in found.problems if wanted.encode() in Path(found.file).read_bytes()
        ]
        return {
            "state": "not found",
            "dags": sorted(name for found in seen for name in found.dags),
            "broken": len(broken),
            "problems": [asdict(each) for each in named],
        }
    bag = DagBag(path, include_examples=False)
    if wanted not in bag.dags:  # what was replaced for the search, such as a variable, is not there
        print("\n".join(bag.import_errors.values()), flush=True)
        return {"state": "not imported"}
    dag = bag.dags[wanted]
    docker = needs_docker(dag.tasks)
    for task in docker:
        print(f"{task} starts a container, and there is no Docker in here: it will fail.", flush=True)
    loader.apply("dags-test")
    ended = dag.test(execution_date=timezone.parse(date) if date else timezone.utcnow(), run_conf=conf)
    state = str(getattr(ended.state, "value", ended.state))
    return {"state": state, "tasks": state_of(ended.get_task_instances()), "needs_docker": docker}


def main() -> None:
    """Run what the request names; exit code 1 where it does not succeed."""
    asked = throwaway.request()
    throwaway.make_secrets(asked["secrets"])
    result = run(asked["dag"], asked["date"], asked["conf"])
    throwaway.answer(result)
    sys.exit(0 if result["state"] == "success" else 1)


if __name__ == "__main__":
    main()
