"""Prepares what the other containers need: folders, the database, Airflow's roles, the first administrator.

Runs once, as root, in a container of its own; can be run again at any time, and changes then what has to change only.
"""

from __future__ import annotations

import os
import shutil
import sys
import time
import traceback
from pathlib import Path
from typing import Any

from airflow_stack_runtime import migrations
from airflow_stack_runtime.options import SECRETS, OptionError, is_true

FOLDERS = tuple(Path("/opt/airflow", name) for name in ("dags", "logs", "config", "plugins"))
GIB = 1024**3
MINIMUM = {"memory": 4 * GIB, "disk": 10 * GIB, "processors": 2}


class InitializationError(Exception):
    """One sentence for a person."""


def say(sentence: str) -> None:
    """Print a line of progress at once."""
    print(sentence, flush=True)


def warn_about_resources() -> None:
    """Say what this machine has too little of."""
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    limit = Path("/sys/fs/cgroup/memory.max")
    # A machine sold as having 4 GB shows some hundred MB less.
    if memory < MINIMUM["memory"] * 0.9:
        say(f"Warning: {memory / GIB:.1f} GiB of memory; Airflow needs 4, less makes the webserver restart for ever.")
    elif limit.exists() and (text := limit.read_text().strip()).isdigit() and int(text) < GIB // 2:
        say(f"Warning: this container may use {int(text) / GIB:.1f} GiB of memory; the initialization needs 0.5.")
    if (processors := os.cpu_count() or 1) < MINIMUM["processors"]:
        say(f"Warning: {processors} processor; Airflow needs 2.")
    if (disk := shutil.disk_usage("/opt/airflow/logs").free) < MINIMUM["disk"]:
        say(f"Warning: {disk / GIB:.1f} GiB of free disk space; Airflow needs 10.")


def own_folders(uid: int) -> None:
    """Give the shared folders to the user, group 0. What is already right is not touched.

    Below a folder that was right, nothing is looked at: only what a wrong owner (Docker creates a missing folder as
    root) may have left is walked through.
    """
    for folder in FOLDERS:
        folder.mkdir(parents=True, exist_ok=True)
        status = folder.stat()
        if status.st_uid == uid and status.st_gid == 0:
            continue
        say(f"Giving {folder} to user {uid}.")
        for root, names, files in os.walk(folder):
            for path in (root, *(f"{root}/{name}" for name in (*names, *files))):
                found = os.lstat(path)
                if found.st_uid != uid or found.st_gid != 0:
                    os.lchown(path, uid, 0)


def become(uid: int) -> None:
    """Give up root for ever."""
    os.setgroups([0])
    os.setgid(0)
    os.setuid(uid)
    os.environ.update(HOME=os.environ.get("AIRFLOW_USER_HOME_DIR", "/home/airflow"), USER="airflow", LOGNAME="airflow")


def locked_connection(seconds: float) -> Any:
    """Return a connection that holds the initialization's lock, waiting for the server and for another initialization.

    Raises:
        DatabaseError: the server does not answer in time, or refuses.
    """
    from sqlalchemy.exc import DBAPIError

    engine = migrations.connect()
    problem: migrations.DatabaseError | None = None
    for number in migrations.attempts(seconds):
        try:
            connection = engine.connect()
            break
        except DBAPIError as error:
            problem = migrations.explain(error, engine.url)
            if not isinstance(problem, migrations.DatabaseUnreachableError):
                raise problem from None
            if number == 0:
                say(f"Waiting up to {seconds:.0f} s for the database server.")
    else:
        raise migrations.DatabaseError(f"{problem} Gave up after {seconds:.0f} s.")
    if not migrations.lock(connection, int(seconds)):
        raise migrations.DatabaseError("Another initialization is at work and does not end.")
    return connection


def migrate(revision: str | None) -> None:
    """Bring the database from this revision (None: it is empty) to the installed Airflow's, as ``airflow db migrate``.

    For an empty database Airflow creates the tables from its models: half a second, instead of a hundred migrations.
    """
    from airflow.utils import db
    from airflow.utils.providers_configuration_loader import providers_configuration_loaded

    _, head = migrations.revisions()
    if not is_true("AIRFLOW_STACK_MIGRATE", default=True):
        if revision != head:
            raise InitializationError(
                f"The database is at migration {revision or 'none'}, {head} is needed, and migration is switched off."
            )
        return
    if revision == head:
        say(f"The database is at migration {head}: nothing to migrate.")
        db.add_default_pool_if_not_exists()
        db.synchronize_log_template()
        return
    migrations.check_is_of_this_line(revision)
    say(f"Migrating the database from {revision or 'nothing'} to {head}.")
    try:
        providers_configuration_loaded(db.upgradedb)()
    except (Exception, SystemExit) as error:
        traceback.print_exc()
        raise InitializationError(f"the migration did not succeed ({type(error).__name__}, see above).") from None


def synchronize_permissions() -> None:
    """Create Airflow's own roles and permissions, if the webserver is told not to do so at its start."""
    from airflow.configuration import conf

    if conf.getboolean("fab", "update_fab_perms", fallback=True):
        return
    from airflow.providers.fab.auth_manager.cli_commands.utils import get_application_builder

    with get_application_builder() as builder:
        builder.add_permissions(update_perms=True)
        builder.sm.sync_roles()


def create_admin() -> None:
    """Create the administrator, or set the password of one who exists if that is asked for.

    Written to the tables that ``airflow users create`` writes to: that builds the whole web application first, for a
    second in which all other containers wait. The webserver fills the role with permissions when it starts.
    """
    from airflow.providers.fab.auth_manager.models import Role, User
    from airflow.utils.session import create_session
    from sqlalchemy import select
    from sqlalchemy.exc import IntegrityError
    from werkzeug.security import generate_password_hash

    username = os.environ.get("AIRFLOW_STACK_ADMIN_USERNAME", "admin")
    with create_session() as session:
        exists = session.scalar(select(User.id).where(User.username == username))
    if exists and not is_true("AIRFLOW_STACK_RESET_ADMIN_PASSWORD"):
        say(f"The user {username} exists and is left as it is.")
        return
    path = SECRETS / "admin_password"
    password = path.read_text().strip() if path.is_file() else ""
    if not password:
        raise InitializationError(f"{path} is missing or empty: the administrator needs a password.")
    if exists:
        reset_password(exists, password)
        say(f"The password of {username} is set anew.")
        return
    try:
        with create_session() as session:
            role = session.scalar(select(Role).where(Role.name == "Admin")) or Role(name="Admin")
            session.add(
                User(
                    username=username,
                    first_name=os.environ.get("AIRFLOW_STACK_ADMIN_FIRSTNAME", "Airflow"),
                    last_name=os.environ.get("AIRFLOW_STACK_ADMIN_LASTNAME", "Admin"),
                    email=os.environ.get("AIRFLOW_STACK_ADMIN_EMAIL", "admin@example.com"),
                    active=True,
                    password=generate_password_hash(password),
                    roles=[role],
                )
            )
    except IntegrityError:
        raise InitializationError(
            f"The user {username} could not be created: is the e-mail address another user's?"
        ) from None
    say(f"The user {username} is created.")


def reset_password(user: int, password: str) -> None:
    """Set a user's password, and end the sessions that were opened with the old one."""
    from airflow.providers.fab.auth_manager.cli_commands.utils import get_application_builder

    with get_application_builder() as builder:
        builder.sm.reset_password(user, password)


def main() -> None:
    """Do it all, or end with one sentence that says why not."""
    started = time.monotonic()
    try:
        if os.geteuid() == 0:
            uid = int(os.environ.get("AIRFLOW_STACK_UID", "50000"))
            warn_about_resources()
            own_folders(uid)
            become(uid)
        # The server may still be starting: Airflow's code is loaded meanwhile.
        import airflow.providers.fab.auth_manager.models
        import airflow.utils.db  # noqa: F401

        connection = locked_connection(float(os.environ.get("AIRFLOW_STACK_WAIT_SECONDS", "120")))
        revision = migrations.current_revision(connection)
        migrations.check_not_newer(revision)
        migrate(revision)
        synchronize_permissions()
        if is_true("AIRFLOW_STACK_CREATE_ADMIN"):
            create_admin()
        connection.close()
    except (InitializationError, migrations.DatabaseError, OptionError) as error:
        sys.exit(f"The initialization failed: {error}")
    except PermissionError as error:
        sys.exit(f"The initialization failed: no permission to change {error.filename}.")
    say(f"Everything is prepared ({time.monotonic() - started:.1f} s).")


if __name__ == "__main__":
    main()
