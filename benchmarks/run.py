#!/usr/bin/env python3
"""Measures the stack against the Airflow project's Compose quick start, both in one run, in turns.

    airflow-stack compose -s bench >/tmp/stack.yaml
    benchmarks/run.py --compose /tmp/stack.yaml --dags /path/of/its/project/dags

The Compose file's DAG folder gets ``dags/bench.py`` for the time of the run. Needs the standard library, the Docker CLI
and Compose (``docker compose`` or ``docker-compose``), and images that are built. What is measured:

- cold: from ``up -d`` with no container, network or volume, to the success of a run of three tasks in a row, which the
  scheduler starts by itself as soon as it knows the DAG, and to the webserver's word that all is well.
- warm: the same three tasks on the running stack, from the moment the run is queued to its success, by the database.
- memory: of the idle stack, the sum over its containers of what ``docker stats`` shows: usage less inactive file cache.
- tasks a minute: 200 independent tasks, from the moment the run is queued to its success.
- update: Compose's ``up -d`` on a running stack that is as its file says; for this stack, with ``--pulumi STACK``,
  `pulumi up` on the same stack brought up by the real engine. The project is the one that holds this file.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from contender import BenchmarkError, Contender, compose_command, docker, log

HERE = Path(__file__).resolve().parent
MANY = 200
UPDATES = 5
FIGURES = {
    "cold": ("from nothing to a first successful run of three tasks", "s", 0.40),
    "ready": ("from nothing to a webserver that says that all is well", "s", None),
    "warm": ("the same run on a warm stack", "s", 0.50),
    "memory": ("memory of the idle stack", "MiB", 0.45),
    "tasks": ("tasks a minute, 200 independent tasks", "/min", 2.0),
    "update": ("update without changes", "s", 0.60),
}
"""Each figure's meaning, unit, and the ratio (stack to quick start) that is asked for."""


def measure(contender: Contender, arguments: argparse.Namespace) -> dict[str, list[float]]:
    """Bring one contender up, measure everything on it, and remove it with its volumes."""
    figures: dict[str, list[float]] = {}
    try:
        cold, ready = contender.cold_start(arguments.timeout)
        figures["cold"], figures["ready"] = [cold], [ready]
        log(f"{contender.name}: cold {cold:.1f} s, ready {ready:.1f} s")
        contender.settle(arguments.settle)
        figures["memory"] = [contender.memory()]
        log(f"{contender.name}: {figures['memory'][0]:.0f} MiB")
        contender.run_dag("bench_three", arguments.timeout)
        figures["warm"] = [contender.run_dag("bench_three", arguments.timeout) for _ in range(arguments.warm)]
        log(f"{contender.name}: warm {' '.join(f'{seconds:.2f}' for seconds in figures['warm'])} s")
        figures["tasks"] = [
            MANY * 60 / contender.run_dag("bench_many", arguments.timeout) for _ in range(arguments.many)
        ]
        log(f"{contender.name}: {' '.join(f'{rate:.0f}' for rate in figures['tasks'])} tasks a minute")
        if contender.name == "quick start" or not arguments.pulumi:
            figures["update"] = [timed(lambda: contender.compose("up", "-d")) for _ in range(UPDATES)]
    finally:
        contender.remove()
    if "update" not in figures:
        figures["update"] = pulumi_updates(arguments.pulumi)
    log(f"{contender.name}: update {' '.join(f'{seconds:.1f}' for seconds in figures['update'])} s")
    return figures


def timed(action: Callable[[], object]) -> float:
    """Return the seconds that this takes."""
    started = time.monotonic()
    action()
    return time.monotonic() - started


def pulumi_updates(stack: str) -> list[float]:
    """Bring the stack up by Pulumi, time updates that change nothing, and bring it down."""
    state = HERE.parent / ".airflow-stack"
    environment = {
        "PULUMI_BACKEND_URL": f"file://{state / 'pulumi-state'}",
        "PULUMI_CONFIG_PASSPHRASE_FILE": str(state / "passphrase"),
    } | os.environ

    def run(*command: str) -> None:
        result = subprocess.run(command, cwd=HERE.parent, env=environment, capture_output=True, text=True)
        if result.returncode:
            raise BenchmarkError(f"{' '.join(command)} failed:\n{result.stdout[-3000:]}{result.stderr[-3000:]}")

    options: tuple[str, ...] = ("--yes", "--skip-preview", "--stack", stack)
    if (own := state / stack / f"Pulumi.{stack}.yaml").exists():
        options = (*options, "--config-file", str(own))
    try:
        run(".venv/bin/airflow-stack", "up", "--stack", stack)
        return [timed(lambda: run("pulumi", "up", *options)) for _ in range(UPDATES)]
    finally:
        run(".venv/bin/airflow-stack", "down", "--stack", stack)


def measure_until_done(contender: Contender, arguments: argparse.Namespace) -> dict[str, list[float]]:
    """Measure again what got stuck, and count how often: the quick start's scheduler sometimes hangs at its start.

    A likely cause is in ``forks.py`` of the Airflow image. The figures are of rounds that ended.
    """
    stuck = 0
    while True:
        try:
            return {**measure(contender, arguments), "stuck": [float(stuck)]}
        except BenchmarkError as error:
            stuck += 1
            log(f"{error}")
            if stuck > arguments.retries:
                raise


def images(compose_file: Path) -> dict[str, str]:
    """Return what the quick start runs on: the stack's Airflow image, and what its servers' images are made of."""
    tags = dict(re.findall(r"image: (airflow-stack/(airflow|postgres|redis):\S+)", compose_file.read_text()))
    named = {name: tag for tag, name in tags.items()}
    if named.keys() != {"airflow", "postgres", "redis"}:
        sys.exit(f"{compose_file} has no Airflow, PostgreSQL and Redis of its own: what the quick start is made of.")
    label = '{{index .Config.Labels "org.opencontainers.image.base.name"}}'
    base = {name: docker("inspect", "--format", label, named[name]).strip() for name in ("postgres", "redis")}
    return {"AIRFLOW_IMAGE": named["airflow"], "POSTGRES_IMAGE": base["postgres"], "REDIS_IMAGE": base["redis"]}


def table(results: dict[str, dict[str, list[float]]]) -> str:
    """Return the medians and their ratios as Markdown."""
    ours, theirs = results["stack"], results["quick start"]
    lines = ["| figure | quick start | this stack | ratio | asked for |", "|---|---|---|---|---|"]
    for key, (meaning, unit, wanted) in FIGURES.items():
        left, right = statistics.median(theirs[key]), statistics.median(ours[key])
        digits = 0 if right >= 100 else 1
        asked = "" if wanted is None else f"{'≥' if wanted > 1 else '≤'} {wanted:.2f}"
        lines.append(
            f"| {meaning} | {left:.{digits}f} {unit} | {right:.{digits}f} {unit} | {right / left:.2f} | {asked} |"
        )
    stuck = {name: sum(figures["stuck"]) for name, figures in results.items()}
    if any(stuck.values()):
        said = ", ".join(f"{name}: {count:.0f}" for name, count in stuck.items())
        lines += ["", f"Rounds that got stuck and were begun anew: {said}."]
    return "\n".join(lines)


def parse(words: list[str] | None = None) -> argparse.Namespace:
    """Return the command line's options."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--compose", required=True, type=Path, help="Compose file of the stack")
    parser.add_argument("--dags", required=True, type=Path, help="the DAG folder that this file mounts")
    parser.add_argument("--project", default="benchmark-stack", help="Compose project of the stack")
    parser.add_argument("--rounds", type=int, default=3, help="cold starts of each; the two take turns")
    parser.add_argument("--warm", type=int, default=5, help="runs on the warm stack a round")
    parser.add_argument("--many", type=int, default=1, help="runs of 200 tasks a round")
    parser.add_argument("--settle", type=float, default=60, help="seconds of idleness before memory is read")
    parser.add_argument("--timeout", type=float, default=300, help="seconds that anything may take")
    parser.add_argument("--pulumi", metavar="STACK", help="the same stack by name: time its update by Pulumi")
    parser.add_argument("--retries", type=int, default=2, help="how often a round may get stuck")
    parser.add_argument("--only", choices=("stack", "quick start"), help="measure one of them, without ratios")
    parser.add_argument("--json", type=Path, help="also write all single figures here")
    return parser.parse_args(words)


def main() -> None:
    """Measure in turns and print the table."""
    arguments = parse()
    # So that the stacks are removed then too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("stopped"))
    compose = compose_command()
    results: dict[str, dict[str, list[float]]] = {}
    with tempfile.TemporaryDirectory(prefix="benchmark-") as folder:
        project = Path(folder)
        quickstart = Contender(
            "quick start",
            compose,
            HERE / "quickstart" / "docker-compose.yaml",
            "benchmark-quickstart",
            project / "dags",
            {"PROJECT_DIR": folder, **images(arguments.compose)},
        )
        stack = Contender(
            "stack", compose, arguments.compose.resolve(), arguments.project, arguments.dags.resolve(), {}
        )
        for name in ("dags", "logs", "config", "plugins"):
            (project / name).mkdir(mode=0o777)
            (project / name).chmod(0o777)
        for number in range(arguments.rounds):
            for contender in (quickstart, stack):
                if arguments.only in (None, contender.name):
                    log(f"round {number + 1} of {arguments.rounds}: {contender.name}")
                    for key, values in measure_until_done(contender, arguments).items():
                        results.setdefault(contender.name, {}).setdefault(key, []).extend(values)
    if arguments.json:
        arguments.json.write_text(json.dumps(results, indent=2) + "\n")
    print(table(results) if len(results) == 2 else json.dumps(results, indent=2))


if __name__ == "__main__":
    sys.path.insert(0, str(HERE))
    main()
