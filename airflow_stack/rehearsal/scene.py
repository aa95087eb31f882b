"""The rehearsal itself: each step is something that a user would do on AWS, and what it proves."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from airflow_stack.airflow import Deployment
from airflow_stack.backends.aws.plan import AwsPlan
from airflow_stack.backends.aws.plan.environment import ONE_OFF
from airflow_stack.backends.aws.plan.servers import Cache
from airflow_stack.backends.images import Image
from airflow_stack.config import AwsConfig
from airflow_stack.errors import OperationError
from airflow_stack.operations.image_build import Say
from airflow_stack.rehearsal import service_logs
from airflow_stack.rehearsal.agent import EcsAgent
from airflow_stack.rehearsal.autoscaler import Autoscaler, wait_for
from airflow_stack.rehearsal.stage import Stage
from airflow_stack.rehearsal.tasks import Runner, Task
from airflow_stack.rehearsal.ui import Ui

# Of the DAG rehearsal_twenty.
TASKS = 20
# Two workers are enough to see work shared, and as much as a laptop carries.
WORKERS = 2
HEALTHY = 240.0
ENDED = 300.0
LONG = 10.0
RUN = "rehearsal"


def in_turn(deployment: Deployment) -> list[str]:
    """The roles of which there is a fixed number, by name, in the order in which they start.

    Who serves the UI first, and the scheduler last: it begins to work at once.
    """
    fixed = [role for role in deployment.roles if not role.spec.elastic]
    fixed.sort(key=lambda role: (role.spec.schedules, role.spec.serves != "ui"))
    return [role.name for role in fixed]


@dataclass
class Scene:
    """One rehearsal, from the migration to the last worker's end."""

    config: AwsConfig
    deployment: Deployment
    plan: AwsPlan
    exports: Mapping[str, Any]
    stage: Stage
    runner: Runner
    agent: EcsAgent
    workers: list[Task]
    images: Mapping[str, Image]
    say: Say
    proved: list[str] = field(default_factory=list)

    @property
    def worker(self) -> str:
        """The role that runs tasks."""
        return self.deployment.runner.name

    def play_queue(self) -> list[str]:
        """What the broker has a part in, and no more: from the migration to tasks on workers, without the UI."""
        self._data()
        self._migrate()
        self._scheduler()
        self._idle_worker()
        self._twenty_tasks()
        self._service_logs()
        self._queue()
        return self.proved

    def play(self) -> list[str]:
        """All steps, in order; what each has proved."""
        self._data()
        self._migrate()
        self._services()
        self._twenty_tasks()
        self._service_logs()
        self._logs()
        self._connection()
        self._one_off()
        self._interrupted_worker()
        self._metrics()
        self._queue()
        return self.proved

    def _proved(self, sentence: str) -> None:
        self.proved.append(sentence)
        self.say(f"proved: {sentence}")

    # --- steps ---

    def _data(self) -> None:
        """Where RDS and ElastiCache would be. Their passwords are read from the secrets that the program has made."""
        from urllib.parse import urlsplit

        url = urlsplit(self._secret("sql_alchemy_conn"))
        self.stage.postgres(self.images["postgres"].tag, str(url.username), str(url.password), url.path.lstrip("/"))
        if isinstance(self.plan.broker, Cache):
            password = str(urlsplit(self._secret("broker_url")).password)
            self.runner.certificate = self.stage.redis(self.images["redis"].tag, password)

    def _migrate(self) -> None:
        task = self.runner.start(ONE_OFF, list(self.deployment.init.command))
        if (code := task.wait(HEALTHY)) != 0:
            raise OperationError(f"the migration ends with exit code {code}:\n{task.log()}")
        tables = self._sql("select count(*) from information_schema.tables where table_schema = 'public'")
        self._proved(f"the migration ran once and made {tables[0][0]} tables, before any service started")

    def _services(self) -> None:
        self.port = _free_port()
        ui, *others, scheduler = in_turn(self.deployment)
        self.webserver = self.runner.start(ui, port=self.port)
        beside = [self.runner.start(role) for role in others]
        self.scheduler = self.runner.start(scheduler)
        self._healthy(self.webserver, *beside, self.scheduler)
        self.ui = Ui(f"http://127.0.0.1:{self.port}", self.config.admin.username, self.exports["admin_password"])
        healthy = f"{', '.join([ui, *others])} and {scheduler}"
        self._proved(f"{healthy} are healthy within their memory; the admin logs in")

    def _scheduler(self) -> None:
        self.scheduler = self.runner.start(self.deployment.one(schedules=True).name)
        self._healthy(self.scheduler)
        self._proved("the scheduler is healthy within its memory")

    def _idle_worker(self) -> None:
        self.workers.append(worker := self.runner.start(self.worker))
        self._healthy(worker)
        self.workers.remove(worker)
        self.runner.stop(worker)
        self._proved("a worker is healthy: it answers its probe through the broker")

    def _twenty_tasks(self) -> None:
        role, tracking = next((one.role, one.tracking) for one in self.plan.scaling if one.tracking)
        scaler = Autoscaler(self.stage.cloud, self.runner, self.agent, role, tracking, WORKERS, self.workers)
        scaler.start()
        try:
            self._trigger("rehearsal_twenty")
            self._wait("a worker was started", lambda: bool(self.workers), HEALTHY, scaler=scaler)
            self._finished("rehearsal_twenty", scaler)
            hosts = self._sql("select distinct hostname from task_instance where dag_id = 'rehearsal_twenty'")
            if len(hosts) < WORKERS:
                raise OperationError(f"{TASKS} tasks ran on {len(hosts)} worker alone")
            self._proved(f"{TASKS} tasks came by {self._broker()} to {len(hosts)} workers, and all succeeded")
            self._wait("the workers are gone", lambda: not self.workers, ENDED, scaler=scaler)
        finally:
            scaler.close()
        protected = {task: said for task, said in self.agent.history.items() if task.startswith(f"{self.worker}-")}
        if not protected or not all(said[0] and not said[-1] for said in protected.values()):
            raise OperationError(f"a worker did not set and clear its protection: {protected}")
        if any(code != 0 for _, code in scaler.stopped):
            raise OperationError(f"a worker did not end well: {[(task.id, code) for task, code in scaler.stopped]}")
        self.gone = [task for task, _ in scaler.stopped]
        self._proved(
            f"by the published metric the workers went 0 → {scaler.peak} → 0; each set its protection with its first"
            " task and cleared it after its last; none was stopped with a task"
        )

    def _service_logs(self) -> None:
        """The way of FireLens, where config asks for it. What the containers have written is known from Docker."""
        if not self.plan.logs.firelens:
            return
        # Those of workers that are gone: nobody could send them later.
        tasks = [self.scheduler, *self.gone]
        written = {task.id: task.lines() for task in tasks}

        def is_there() -> bool:
            found = service_logs.records(self.stage.cloud, self.exports["bucket"])
            return not any(service_logs.missing(written[task.id], found, task.id, task.role) for task in tasks)

        self.say("waiting until the services' logs are in S3")
        wait_for("the services' logs are in S3", is_there, 60, self.scheduler.router_failure)
        self._proved(
            f"all {len(written[self.scheduler.id])} lines of the scheduler's log are in S3, by way of a log router and"
            f" Firehose, with the columns that Athena reads; so are those of {len(self.gone)} workers that are gone"
        )

    def _logs(self) -> None:
        s3 = self.stage.cloud.client("s3")
        listed = s3.list_objects_v2(Bucket=self.exports["bucket"], Prefix="task-logs/dag_id=rehearsal_twenty/")
        logs = [entry["Key"] for entry in listed.get("Contents", ())]
        if len(logs) < TASKS:
            raise OperationError(f"{len(logs)} of {TASKS} logs are in S3")
        shown = self.ui.log("rehearsal_twenty", RUN, "work_7")
        if "rehearsal task 7 on" not in shown:
            raise OperationError(f"the UI does not show the log of a task whose worker is gone:\n{shown[-500:]}")
        self._proved(f"{len(logs)} task logs are in S3, and the UI shows one of a worker that is gone")

    def _connection(self) -> None:
        self.stage.cloud.client("secretsmanager").create_secret(
            Name=f"{self.plan.name}/connections/rehearsal", SecretString="http://secrets.example.com"
        )
        self.workers.append(worker := self.runner.start(self.worker))
        self._trigger("rehearsal_connection")
        self._finished("rehearsal_connection")
        self.workers.remove(worker)
        self.runner.stop(worker)
        self._proved("a task read its connection from Secrets Manager")

    def _one_off(self) -> None:
        codes = []
        for command in (["airflow", "version"], ["airflow", "dags", "details", "there-is-none"]):
            codes.append(self.runner.start(ONE_OFF, command).wait(HEALTHY))
        if codes[0] != 0 or codes[1] == 0:
            raise OperationError(f"one-off commands return {codes}, where 0 and an error were meant")
        self._proved(f"a one-off command returns its exit code: {codes[0]} and {codes[1]}")

    def _interrupted_worker(self) -> None:
        self.workers.append(worker := self.runner.start(self.worker))
        self._trigger("rehearsal_long")
        self._wait(
            "the long task runs",
            lambda: self._sql("select state from task_instance where dag_id = 'rehearsal_long'") == [["running"]],
            HEALTHY,
            worker,
        )
        # ECS ends and replaces a task whose probe fails, whatever it is doing.
        self._healthy(worker)
        self.workers.remove(worker)
        seconds = self.runner.stop(worker)
        self._finished("rehearsal_long")
        tries = self._sql("select try_number from task_instance where dag_id = 'rehearsal_long'")
        if tries != [["1"]] or (code := worker.wait(10)) != 0:
            raise OperationError(f"SIGTERM cost a task: tries {tries}, exit code {worker.wait(10)}\n{worker.log()}")
        self._proved(
            f"a worker with a task is healthy; SIGTERM amid it: the worker finished it, {seconds:.0f} s later, and"
            f" ended with {code}"
        )

    def _metrics(self) -> None:
        cloudwatch = self.stage.cloud.client("cloudwatch")
        # What an alarm or the autoscaler looks at, of the stack's own metrics.
        watched = [metric for alarm in self.plan.watching.alarms for metric in alarm.metrics]
        watched += [one.tracking.metric for one in self.plan.scaling if one.tracking]
        wanted = {metric.name for metric in watched if metric.namespace == self.plan.watching.namespace}

        def missing() -> set[str]:
            names = {metric["MetricName"] for metric in cloudwatch.list_metrics()["Metrics"]}
            return {name for name in wanted if not any(name in found for found in names)}

        self._wait("the metrics arrive", lambda: not missing(), 60)
        self._proved(f"CloudWatch has the metrics {', '.join(sorted(wanted))}")

    def _queue(self) -> None:
        if isinstance(self.plan.broker, Cache):
            self._redis_queue()
            return
        sqs = self.stage.cloud.client("sqs")
        left = {}
        for url in sqs.list_queues().get("QueueUrls", ()):
            names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
            counts = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
            left[url.rpartition("/")[2]] = sum(map(int, counts.values()))
        if any(left.values()):
            raise OperationError(f"messages are left in the queues: {left}")
        self._proved("no message is left in the queue, none in the dead-letter queue")

    def _redis_queue(self) -> None:
        """Celery's list of what waits, and kombu's hash of what a worker has taken and not acknowledged."""
        queue = str(self.config.airflow.options.get("operators", {}).get("default_queue", "default"))
        left = [self.stage.ask_redis("LLEN", queue), self.stage.ask_redis("HLEN", "unacked")]
        if left != ["0", "0"]:
            raise OperationError(f"tasks are left in Redis, waiting and not acknowledged: {left}")
        anonymous = self.stage.ask_redis("PING", password=False)
        plain = self.stage.ask_redis("PING", tls=False)
        if "NOAUTH" not in anonymous or "PONG" in plain:
            raise OperationError(f"Redis answers without the password {anonymous!r}, without TLS {plain!r}")
        self._proved("no task is left in Redis, which answers nobody without the password, and nobody without TLS")

    # --- their tools ---

    def _healthy(self, *tasks: Task) -> None:
        for task in tasks:
            self._wait(f"{task.role} is healthy", lambda task=task: task.healthy, HEALTHY, task)  # type: ignore[misc]

    def _sql(self, query: str) -> list[list[str]]:
        return self.stage.sql(query, self.plan.database.asked.name if self.plan.database else "airflow")

    def _secret(self, name: str) -> str:
        arn = self.exports["secrets"][name]
        return str(self.stage.cloud.client("secretsmanager").get_secret_value(SecretId=arn)["SecretString"])

    def _broker(self) -> str:
        return "Redis over TLS" if isinstance(self.plan.broker, Cache) else "SQS"

    def _trigger(self, dag: str) -> None:
        self._wait(f"{dag} is parsed", lambda: self._sql(f"select 1 from dag where dag_id = '{dag}'") == [["1"]], 120)  # noqa: S608 - our own
        task = self.runner.start(ONE_OFF, ["airflow", "dags", "trigger", "--run-id", RUN, dag])
        if task.wait(HEALTHY) != 0:
            raise OperationError(f"{dag} could not be triggered:\n{task.log()}")

    def _finished(self, dag: str, scaler: Autoscaler | None = None) -> None:
        def state() -> str:
            return "".join(self._sql(f"select state from dag_run where dag_id = '{dag}'")[0])  # noqa: S608 - our own

        self._wait(f"{dag} has ended", lambda: state() in ("success", "failed"), ENDED, scaler=scaler)
        if state() != "success":
            raise OperationError(f"the run of {dag} has failed; a worker said:\n{self._last_words()}")

    def _last_words(self) -> str:
        return self.workers[-1].log(30) if self.workers else "nothing: none is left"

    def _wait(
        self, what: str, holds: Callable[[], bool], timeout: float, task: Task | None = None,
        scaler: Autoscaler | None = None,
    ) -> None:  # fmt: skip
        def failing() -> Exception | None:
            if scaler and scaler.failure:
                return scaler.failure
            for one in [task] if task else []:
                if one.state()["Status"] == "exited":
                    return OperationError(f"{one.role} has ended:\n{one.log()}")
            return None

        start = time.monotonic()
        self.say(f"waiting until {what}")
        try:
            wait_for(what, holds, timeout, failing)
        except OperationError as error:
            words = task.log(30) if task else self._last_words()
            raise OperationError(f"{error}\n{words}") from None
        if (seconds := time.monotonic() - start) > LONG:
            self.say(f"  took {seconds:.0f} s")


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])
