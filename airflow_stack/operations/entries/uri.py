"""A connection as a URI: ``TYPE://LOGIN:PASSWORD@HOST:PORT/SCHEMA?EXTRA``, by Airflow's rules.

https://airflow.apache.org/docs/apache-airflow/2.10.2/howto/connection.html#uri-format
"""

from __future__ import annotations

import json
import re
from typing import Any
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit

from airflow_stack.operations.entries.kinds import Entry, WrongError

EXAMPLE = "for example postgres://login:pass%40word@db.example.com:5432/schema"
EXTRA = "__extra__"
"""Parameter that holds the whole of extra, where it is no plain parameters."""


def from_uri(uri: str) -> Entry:
    """The fields of a URI. Raises WrongError, which repeats nothing of it."""
    found = re.fullmatch(r"([A-Za-z][A-Za-z0-9+.-]*)://(.*)", uri, re.DOTALL)
    if not found:
        raise WrongError(f"must be a URI that starts with its type, {EXAMPLE}")
    conn_type, rest = found[1].lower().replace("-", "_"), found[2]
    for sign, escaped, part in (("://", "%3A%2F%2F", rest.partition("?")[2]), ("#", "%23", rest)):
        if sign in part:
            raise WrongError(f"has {sign} where it is not read as a part of it: write it as {escaped}")
    # A host may have a scheme of its own: http://https://example.com.
    before, separator, after = rest.rpartition("://")
    if re.search(r"[@:]", before):
        raise WrongError(f"has a login before the host's own scheme: write them after it, {EXAMPLE}")
    try:
        parts = urlsplit(f"//{after}")
        port = parts.port
    except ValueError:
        raise WrongError(f"has a host or port that is none, or a character that must be escaped, {EXAMPLE}") from None
    host = unquote(parts.hostname or "")
    if "/" in host:  # a path, of a socket for example: it keeps its capitals
        host = unquote(parts.netloc.rpartition("@")[2].partition(":")[0])
    query = dict(parse_qsl(parts.query, keep_blank_values=True))
    return {
        "conn_type": "postgres" if conn_type == "postgresql" else conn_type,
        "description": None,
        "login": unquote(parts.username or "") or None,
        "password": unquote(parts.password or "") or None,
        "host": (f"{before.lower()}://{host}" if separator and host else host) or None,
        "port": port,
        "schema": unquote(parts.path[1:]) or None,
        "extra": (query[EXTRA] if EXTRA in query else json.dumps(query) if query else None) or None,
    }


def to_uri(entry: Entry) -> str:
    """The URI of a connection. What a URI can't hold is lost: see `is_lossless`."""
    protocol, separator, host = (entry["host"] or "").rpartition("://")
    login, password, port = entry["login"], entry["password"], entry["port"]
    user = quote(login or "", safe="") + (f":{quote(password, safe='')}" if password is not None else "")
    address = quote(host, safe="")
    if user or (port and not address):
        user += "@"
    uri = f"{entry['conn_type'].lower().replace('_', '-')}://{protocol}{separator}{user}{address}"
    uri += f":{port}" if port else ""
    uri += f"/{quote(entry['schema'], safe='')}" if entry["schema"] else ""
    if entry["extra"]:
        uri += ("?" if entry["schema"] else "/?") + _query(entry["extra"])
    return uri


def is_lossless(entry: Entry) -> bool:
    """Whether its URI gives the same connection back, but for the description, which no URI has."""
    try:
        back = from_uri(to_uri(entry))
    except WrongError:
        return False
    return all(back[field] == entry[field] for field in entry if field != "description")


def _query(extra: str) -> str:
    """Plain parameters where they give the same extra back."""
    try:
        parameters: Any = json.loads(extra)
    except ValueError:
        parameters = None
    if isinstance(parameters, dict) and parameters and EXTRA not in parameters:
        query = urlencode(parameters)
        if json.dumps(dict(parse_qsl(query, keep_blank_values=True))) == extra:
            return query
    return urlencode({EXTRA: extra})
