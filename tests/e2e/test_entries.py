"""Connections, variables and pools of a running stack: with Airflow itself as the judge of files, URIs and rows."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import models
import pytest
from moto.server import ThreadedMotoServer

from airflow_stack.backends.aws.plan.environment import Facts, environment
from airflow_stack.operations.entries.formats import Format
from airflow_stack.operations.entries.kinds import FIELDS, Kind
from airflow_stack.operations.entries.transfer import import_entries, place_of
from airflow_stack.operations.entries.uri import from_uri, to_uri
from e2e.stack import Stack, docker

PREFIX = "entry_test_"
PASSWORD = "pä's\"\\\n#@:/?%日本-s3cr3t"
CONNECTIONS: dict[str, Any] = {
    f"{PREFIX}full": {
        "conn_type": "postgres", "description": "Of the reports", "login": "re@port", "password": PASSWORD,
        "host": "Db.Example.com", "port": 5432, "schema": "main", "extra": '{"ssl": {"mode": "s3cr3t-ü"}, "n": 1}',
    },
    f"{PREFIX}bare": {"conn_type": "aws"},
}  # fmt: skip
VARIABLES = {f"{PREFIX}text": "s3cr3t text ü", f"{PREFIX}tree": {"a": [1, 2.5, None]}, f"{PREFIX}empty": ""}
POOLS = {f"{PREFIX}pool": {"slots": 3, "description": "Calls of the API", "include_deferred": True}}

URIS = (
    "postgresql://u:p%40%2F%23@Db.Example.com:5432/main?sslmode=require&a=",
    "google-cloud-platform://?__extra__=%7B%22a%22%3A+%7B%22b%22%3A+1%7D%7D",
    "http://https://u:p@api.example.com:443/path%2Fto?x=1",
    "http://HTTPS://Api.Example.com",
    "mysql://%2Ftmp%2FMy.sock:3306/db",
    "aws://AKIA:se%2Fcret@/?region_name=eu-west-1",
    "redis://:only-a-password@h/0",
    "ftp://u@h",
    "ssh://@:22",
    "x://[::1]:80/s",
    "x://h/%E6%97%A5?k=%E6%9C%AC&l=a+b",
)
# What Airflow makes of a URI, and the URI that it makes of that.
AIRFLOW = """
import json, sys
from airflow.models import Connection
fields = ("conn_type", "login", "password", "host", "port", "schema", "extra")
found = []
for uri in json.load(sys.stdin):
    connection = Connection(conn_id="x", uri=uri)
    found.append([{field: getattr(connection, field) or None for field in fields}, connection.get_uri()])
print("found: " + json.dumps(found))
"""


@pytest.fixture
def clean(composed: Stack) -> Iterator[Stack]:
    """The shared stack, without entries of these tests before and after."""
    _forget(composed)
    yield composed
    _forget(composed)


def _forget(stack: Stack) -> None:
    for table, column in (("connection", "conn_id"), ("variable", "key"), ("slot_pool", "pool")):
        stack.sql(f"DELETE FROM {table} WHERE {column} LIKE 'entry_test_%'")  # noqa: S608 - our own


def bring(stack: Stack, kind: str, content: Any, *options: str) -> Any:
    """Import it, and return what was done, by name."""
    file = stack.program / f"{kind}.json"
    file.write_text(json.dumps(content))
    result = stack.cli(kind, "import", str(file), "-s", stack.name, "--json", *options).check()
    return json.loads(result.output[result.output.index("{") : result.output.rindex("}") + 1])


def ours(entries: dict[str, Any]) -> dict[str, Any]:
    return {name: entry for name, entry in entries.items() if name.startswith(PREFIX)}


def exported(stack: Stack, kind: str) -> dict[str, Any]:
    file = stack.program / f"{kind}-exported.json"
    stack.cli(
        kind, "export", "-s", stack.name, "-o", str(file), *(() if kind == "pools" else ("--show-secrets",))
    ).check()
    assert file.stat().st_mode & 0o777 == 0o600
    return ours(json.loads(file.read_text()))


def by_airflow(stack: Stack, kind: str) -> dict[str, Any]:
    """Airflow's own export."""
    path = f"/tmp/{kind}.json"
    try:
        stack.exec("scheduler", "airflow", kind, "export", path)
        return ours(json.loads(stack.exec("scheduler", "cat", path)))
    finally:
        stack.exec("scheduler", "rm", "-f", path)


def test_connections_as_airflow_itself_has_them(clean: Stack) -> None:
    """Rule: what is imported is what Airflow exports, encrypted in the database; our export is the same file."""
    assert bring(clean, "connections", CONNECTIONS)["created"] == sorted(CONNECTIONS)
    theirs = by_airflow(clean, "connections")
    assert theirs[f"{PREFIX}full"] == CONNECTIONS[f"{PREFIX}full"]
    assert exported(clean, "connections") == theirs
    rows = clean.sql(
        "SELECT is_encrypted, is_extra_encrypted, password || extra FROM connection WHERE conn_id = :'id'",
        id=f"{PREFIX}full",
    )
    assert rows[0][:2] == ["t", "t"]
    assert "s3cr3t" not in rows[0][2]
    again = bring(clean, "connections", theirs)
    assert (again["created"], again["updated"]) == ([], [])


def test_variables_and_pools_as_airflow_itself_has_them(clean: Stack) -> None:
    """Rule: as connections; a variable that is replaced keeps the description that someone gave it in the UI."""
    assert bring(clean, "variables", VARIABLES)["created"] == sorted(VARIABLES)
    assert bring(clean, "pools", POOLS)["created"] == sorted(POOLS)
    assert by_airflow(clean, "variables") == exported(clean, "variables") == VARIABLES
    assert by_airflow(clean, "pools") == exported(clean, "pools") == POOLS
    clean.sql("UPDATE variable SET description = 'kept' WHERE key = :'key'", key=f"{PREFIX}text")
    assert bring(clean, "variables", {f"{PREFIX}text": "new"}, "--overwrite")["updated"] == [f"{PREFIX}text"]
    assert clean.sql("SELECT description, is_encrypted FROM variable WHERE key = :'key'", key=f"{PREFIX}text") == [
        ["kept", "t"]
    ]


def test_a_row_of_another_fernet_key_is_named(clean: Stack) -> None:
    """Rule: one row that can't be decrypted is named, and does not hide the others from an import."""
    clean.sql(
        "INSERT INTO variable (key, val, is_encrypted) VALUES (:'key', 'gAAAAABother', true)", key=f"{PREFIX}locked"
    )
    result = clean.cli("variables", "export", "-s", clean.name)
    assert result.code == 1
    assert f"{PREFIX}locked: it was encrypted with another Fernet key" in result.output
    done = bring(clean, "variables", {f"{PREFIX}locked": "new", f"{PREFIX}other": "x"}, "--overwrite")
    assert (done["created"], done["updated"]) == ([f"{PREFIX}other"], [f"{PREFIX}locked"])
    assert exported(clean, "variables") == {f"{PREFIX}locked": "new", f"{PREFIX}other": "x"}


def test_no_value_is_left_in_a_log_or_a_list_of_processes(clean: Stack) -> None:
    """Rule: values pass through standard input: the container's log and Docker's record of it hold none."""
    bring(clean, "variables", VARIABLES)
    assert "s3cr3t" not in docker("logs", clean.container("scheduler"))
    assert "s3cr3t" not in docker("inspect", clean.container("scheduler"))
    assert "s3cr3t" not in "".join(clean.outputs)


def test_a_uri_means_what_it_means_to_airflow(composed: Stack) -> None:
    """Rule: our reading of URIs gives Airflow's fields, and Airflow reads our URIs back."""
    first = _asked(composed, list(URIS))
    read = [{key: value for key, value in from_uri(uri).items() if key != "description"} for uri in URIS]
    assert read == [fields for fields, _ in first]
    second = _asked(composed, [to_uri(from_uri(uri)) for uri in URIS])
    assert [fields for fields, _ in second] == read


def _asked(stack: Stack, uris: list[str]) -> list[list[Any]]:
    command = ["exec", "--interactive", stack.container("scheduler"), "python3", "-c", AIRFLOW]
    text = docker(*command, given=json.dumps(uris), timeout=300)
    line = next(line for line in text.splitlines() if line.startswith("found: "))
    return json.loads(line.removeprefix("found: "))  # type: ignore[no-any-return]


# What Airflow's own backend makes of secrets: the environment of the stack on AWS, with moto as AWS.
LOOKED_UP = """
import json, sys
from airflow.models import Connection, Variable
fields = ("conn_type", "login", "password", "host", "port", "schema", "extra")
connections, variables = json.load(sys.stdin)
found = [
    {name: {field: getattr(Connection.get_connection_from_secrets(name), field) for field in fields}
     for name in connections},
    {name: Variable.get(name) for name in variables},
]
print("found: " + json.dumps(found))
"""
ON_AWS = """config:
  airflow-stack:target:
    kind: aws
    region: eu-central-1
    name: team
    load_balancer: {allowed_cidrs: [203.0.113.0/24], plain_http: true}
"""


def test_airflows_own_backend_finds_what_was_imported(
    composed: Stack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rule: on AWS a connection or variable reaches a task as it stood in the file, every character of it."""
    (tmp_path / "Pulumi.yaml").write_text("name: airflow-stack\nruntime: python\n")
    (tmp_path / "Pulumi.prod.yaml").write_text(ON_AWS)
    config = models.aws_file(tmp_path)
    server = ThreadedMotoServer(port=0)
    server.start()
    try:
        access = {"AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing"}
        access["AWS_ENDPOINT_URL"] = f"http://127.0.0.1:{server.get_host_and_port()[1]}"
        for name, value in access.items():
            monkeypatch.setenv(name, value)
        variables = {f"{PREFIX}text": VARIABLES[f"{PREFIX}text"]}
        for kind, content in ((Kind.CONNECTIONS, CONNECTIONS), (Kind.VARIABLES, variables)):
            place = place_of(tmp_path, "prod", kind)
            text = json.dumps(content)
            import_entries(place, kind, text, Format.JSON, "the file", overwrite=False, dry_run=False)
        facts = Facts(region="eu-central-1", bucket="b", queue_url=None, url="http://x")
        backend = {name: value for name, value in environment(config, facts).items() if "__SECRETS__" in name}
        variables_of_task = access | backend | {"AWS_DEFAULT_REGION": config.target.region}
        options = [f"--env={name}={value}" for name, value in variables_of_task.items()]
        image = composed.containers()["scheduler"]["Config"]["Image"]
        text = docker(
            "run", "--rm", "--interactive", "--network=host", *options, image, "python3", "-c", LOOKED_UP,
            given=json.dumps([list(CONNECTIONS), list(variables)]), timeout=300,
        )  # fmt: skip
    finally:
        server.stop()
    line = next(line for line in text.splitlines() if line.startswith("found: "))
    found = json.loads(line.removeprefix("found: "))
    fields = [field for field in FIELDS if field != "description"]
    wanted = {name: {field: entry.get(field) for field in fields} for name, entry in CONNECTIONS.items()}
    assert found == [wanted, variables]
