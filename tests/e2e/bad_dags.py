"""The DAG files of test_isolation.py, and what else a user may bring that raises."""

from __future__ import annotations

HEAD = """
import pendulum
from airflow.decorators import dag, task
GIVEN = dict(schedule=None, start_date=pendulum.datetime(2024, 1, 1), is_paused_upon_creation=False,
             default_args={"retries": 0})
"""
ONE = """
@dag(dag_id={dag!r}, **GIVEN)
def of_{number}():
    @task(task_id={task!r}, queue={queue!r})
    def work():
        print("done")
    work()
of_{number}()
"""
LONG = ("я" * 242, "ж" * 250)
"""As long as they may be, in letters of two bytes: a file's name has room for half of it."""
RUN = (("good", "work"), ("отчёт_продаж", "загрузка"), LONG)
FILES = {
    "beside.py": HEAD
    + ONE.format(dag="good", task="work", queue="default", number=1)
    + ONE.format(dag="wants_gpu", task="train", queue="gpu", number=2),
    "letters.py": HEAD
    + "".join(ONE.format(dag=d, task=t, queue="default", number=n) for n, (d, t) in enumerate(RUN[1:])),
    "mutated.py": HEAD + ONE.format(dag="mutated", task="work", queue="default", number=1),
    "listened.py": HEAD + ONE.format(dag="listened", task="work", queue="default", number=1),
    "pooled.py": HEAD
    + ONE.format(dag="pooled", task="work", queue="default", number=1).replace("queue='default'", "pool='gone'"),
    "exits.py": "# airflow DAG\nimport os\nos._exit(3)\n",
    "signals.py": "# airflow DAG\nimport os, signal\nos.killpg(0, signal.SIGKILL)\n",
    "parent.py": "# airflow DAG\nimport os, signal\nos.kill(os.getppid(), signal.SIGTERM)\n",
}
FILES |= {f"twin_{one}.py": HEAD + ONE.format(dag="twin", task=one, queue="default", number=1) for one in "ab"}
OTHERS = """
import time

@dag(**GIVEN)
def many():
    @task
    def one(number):
        time.sleep(3)
    one.expand(number=list(range(12)))
many()

@dag(**GIVEN)
def hog():
    @task
    def one(number, run_id=None):
        time.sleep(600 if run_id == "r1" else 0)
    one.expand(number=list(range(4)))
hog()

@dag(**GIVEN)
def eleven():
    @task
    def seconds():
        time.sleep(11)
    seconds()
eleven()

@dag(dag_id="large", **GIVEN | {"default_args": {"retries": 2}})
def large():
    @task
    def gives():
        return "x" * 2_000_000
    gives()
large()

def never(context):
    while True:
        try:
            time.sleep(600)
        except Exception:
            pass

@dag(**GIVEN)
def calls():
    @task(on_success_callback=never)
    def work():
        print("done")
    work()
calls()
"""
FILES["others.py"] = HEAD + OTHERS
NAMED = ("the listener raises", "exits.py: ", "signals.py: ", "parent.py: ")
BLOCKS = """
import asyncio, time
import pendulum
from airflow.models import DAG, BaseOperator
from airflow.triggers.base import BaseTrigger, TriggerEvent

class Waits(BaseTrigger):
    def serialize(self):
        return "blocks.Waits", {}

    async def run(self):
        time.sleep(1200)
        yield TriggerEvent("done")

class Defers(BaseOperator):
    def execute(self, context):
        self.defer(trigger=Waits(), method_name="after")

    def after(self, context, event=None):
        return event

with DAG("blocks", schedule=None, start_date=pendulum.datetime(2024, 1, 1), is_paused_upon_creation=False):
    Defers(task_id="waits")
"""
SETTINGS = """
def task_instance_mutation_hook(ti):
    if ti.dag_id == "mutated":
        ti.queue = "mutant"
"""
PLUGIN = """
from airflow.listeners import hookimpl
from airflow.plugins_manager import AirflowPlugin

class Listener:
    @hookimpl
    def on_dag_run_running(self, dag_run, msg):
        if dag_run.dag_id == "listened":
            raise RuntimeError("the listener raises")

class Bad(AirflowPlugin):
    name = "bad"
    listeners = [Listener()]
"""
HANDLER = "def raises(name):\n    raise RuntimeError(name)\n"
