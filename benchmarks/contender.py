"""One stack that is measured: started from a Compose file, asked by its database, removed without a trace."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

DAG = Path(__file__).resolve().parent / "dags" / "bench.py"
MIB = 1024 * 1024
POLL = 0.05
"""Seconds between two looks at a run's state."""


class BenchmarkError(Exception):
    """Something did not come to its end. The message says what."""


def log(sentence: str) -> None:
    """Tell the progress, beside the result on standard output."""
    print(f"{time.strftime('%H:%M:%S')} {sentence}", file=sys.stderr, flush=True)


def compose_command() -> list[str]:
    """Return how Compose is called here: ``docker compose`` where it is, else ``docker-compose``."""
    if shutil.which("docker") and not subprocess.run(["docker", "compose", "version"], capture_output=True).returncode:
        return ["docker", "compose"]
    if shutil.which("docker-compose"):
        return ["docker-compose"]
    sys.exit("Neither `docker compose` nor `docker-compose` is there.")


class Contender:
    """A stack by its Compose file. Its services are found by their names: …postgres…, …webserver…, …scheduler…."""

    def __init__(
        self, name: str, compose: list[str], file: Path, project: str, dags: Path, environment: dict[str, str]
    ) -> None:
        """Nothing is started yet. ``dags`` is the folder on this machine that the file mounts."""
        self.name, self.dags, self.project = name, dags, project
        self.command = [*compose, "-f", str(file), "-p", project]
        self.environment = {**os.environ, **environment}
        self.database: Database | None = None

    def compose(self, *words: str) -> None:
        """Run a Compose command."""
        result = subprocess.run([*self.command, *words], capture_output=True, text=True, env=self.environment)
        if result.returncode:
            raise BenchmarkError(f"{self.name}: compose {words[0]} failed:\n{result.stderr[-3000:]}")

    def containers(self) -> dict[str, str]:
        """Return the identifiers of the running containers by the names of their services."""
        label = f"label=com.docker.compose.project={self.project}"
        form = '{{.ID}} {{.Label "com.docker.compose.service"}}'
        lines = docker("ps", "--no-trunc", "--filter", label, "--format", form).splitlines()
        return {service: container for container, service in (line.split() for line in lines)}

    def service(self, part: str) -> str | None:
        """Return the container of the service whose name contains this, if it runs."""
        return next((container for service, container in self.containers().items() if part in service), None)

    def cold_start(self, timeout: float) -> tuple[float, float]:
        """Start from nothing. Return the seconds until the first run's success, and until all is healthy."""
        self.remove()
        self.dags.mkdir(parents=True, exist_ok=True)
        shutil.copy(DAG, self.dags)
        started = time.monotonic()
        end = started + timeout
        self.compose("up", "-d")
        cold = ready = 0.0
        while not (cold and ready):
            if time.monotonic() > end:
                raise BenchmarkError(
                    f"{self.name}: not up after {timeout:.0f} s (run: {bool(cold)}, web: {bool(ready)})"
                )
            if self.database is None and (postgres := self.service("postgres")):
                self.database = Database(postgres)
            if not cold and self.database and self.first_run_succeeded():
                cold = time.monotonic() - started
            if not ready and self.webserver_is_well():
                ready = time.monotonic() - started
            time.sleep(POLL)
        return cold, ready

    def first_run_succeeded(self) -> bool:
        """Whether the DAG that runs by itself has; a database that is not there yet says no."""
        state = self.database.ask("SELECT state FROM dag_run WHERE dag_id = 'bench_at_start'") if self.database else ""
        if state == "failed":
            raise BenchmarkError(f"{self.name}: the first run failed")
        return state == "success"

    def webserver_is_well(self) -> bool:
        """Whether the webserver answers, on its own port, that database and scheduler are healthy."""
        container = self.service("webserver")
        if container is None:
            return False
        networks = json.loads(docker("inspect", "--format", "{{json .NetworkSettings.Networks}}", container) or "{}")
        address = next((network["IPAddress"] for network in networks.values() if network["IPAddress"]), None)
        if address is None:
            return False
        import urllib.request

        try:
            with urllib.request.urlopen(f"http://{address}:8080/health", timeout=5) as answer:
                health = json.load(answer)
        except (OSError, ValueError):
            return False
        return all(health[part]["status"] == "healthy" for part in ("metadatabase", "scheduler"))

    def settle(self, seconds: float) -> None:
        """Let what start-up leaves behind come to its end."""
        time.sleep(seconds)

    def memory(self) -> float:
        """Return MiB of all containers, as ``docker stats`` counts: usage less the inactive part of the file cache."""
        total = 0
        for container in self.containers().values():
            new = Path(f"/sys/fs/cgroup/system.slice/docker-{container}.scope")
            folder = new if new.exists() else Path(f"/sys/fs/cgroup/docker/{container}")
            old = Path(f"/sys/fs/cgroup/memory/docker/{container}")
            if (folder / "memory.current").exists():
                usage, key = int((folder / "memory.current").read_text()), "inactive_file"
            elif old.exists():
                folder, key = old, "total_inactive_file"
                usage = int((folder / "memory.usage_in_bytes").read_text())
            else:
                return self.memory_by_stats()
            cache = dict(line.split() for line in (folder / "memory.stat").read_text().splitlines())
            total += usage - int(cache[key])
        return total / MIB

    def memory_by_stats(self) -> float:
        """The same from ``docker stats`` itself, whose figures are rounded."""
        units = {"KiB": 1 / 1024, "MiB": 1, "GiB": 1024, "B": 1 / MIB}
        total = 0.0
        for line in docker(
            "stats", "--no-stream", "--format", "{{.MemUsage}}", *self.containers().values()
        ).splitlines():
            usage = line.split("/")[0].strip()
            unit = next(unit for unit in units if usage.endswith(unit))
            total += float(usage.removesuffix(unit)) * units[unit]
        return total

    def run_dag(self, dag: str, timeout: float) -> float:
        """Trigger a DAG by Airflow's command in the scheduler's container; return seconds from queued to success."""
        scheduler = self.service("scheduler")
        if scheduler is None or self.database is None:
            raise BenchmarkError(f"{self.name}: the scheduler does not run")
        run = f"bench_{time.time_ns()}"
        docker("exec", scheduler, "airflow", "dags", "trigger", "--run-id", run, dag)
        end = time.monotonic() + timeout
        query = f"SELECT state, extract(epoch FROM end_date - queued_at) FROM dag_run WHERE run_id = '{run}'"  # noqa: S608
        while time.monotonic() < end:
            state, _, seconds = self.database.ask(query).partition("|")
            if state == "success":
                return float(seconds)
            if state == "failed":
                raise BenchmarkError(f"{self.name}: a run of {dag} failed")
            time.sleep(POLL * 4)
        raise BenchmarkError(f"{self.name}: {dag} has not ended after {timeout:.0f} s")

    def remove(self) -> None:
        """Remove containers, networks, volumes and our DAG."""
        if self.database:
            self.database.close()
            self.database = None
        self.compose("down", "--volumes", "--remove-orphans", "--timeout", "5")
        (self.dags / DAG.name).unlink(missing_ok=True)


class Database:
    """A ``psql`` that stays open in the database's container, so that a question costs next to nothing."""

    def __init__(self, container: str) -> None:
        """Start it as the superuser, over the socket, when the server is there."""
        self.container = container
        variables = docker("inspect", "--format", '{{join .Config.Env "\\n"}}', container)
        users = [line.partition("=")[2] for line in variables.splitlines() if line.startswith("POSTGRES_USER=")]
        self.user = users[0] if users else "postgres"
        self.process: subprocess.Popen[str] | None = None

    def ask(self, query: str) -> str:
        """Return the first row, fields divided by ``|``; empty if there is none, or no table or server yet."""
        if self.process is None or self.process.poll() is not None:
            command = ["docker", "exec", "-i", self.container, "psql", "-XqAt", "-U", self.user, "-d", "airflow"]
            self.process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, bufsize=1
            )
        assert self.process.stdin
        assert self.process.stdout
        rows = []
        try:
            self.process.stdin.write(f"{query};\n\\echo end\n")
            while (line := self.process.stdout.readline().rstrip("\n")) != "end":
                if self.process.poll() is not None:
                    return ""
                rows.append(line)
        except BrokenPipeError:
            return ""
        return rows[0] if rows else ""

    def close(self) -> None:
        """End it."""
        if self.process:
            self.process.kill()
            self.process.wait()


def docker(*words: str) -> str:
    """Run a Docker command and return what it prints."""
    result = subprocess.run(["docker", *words], capture_output=True, text=True)
    if result.returncode and words[0] == "exec":
        raise BenchmarkError(f"docker {' '.join(words[:6])} failed:\n{result.stderr[-2000:]}")
    return result.stdout
