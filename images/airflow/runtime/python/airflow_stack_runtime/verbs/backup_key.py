"""The Fernet key in a backup: sealed with a passphrase, and rows that go over from one key to another."""

from __future__ import annotations

import base64
import binascii
import hashlib
import os
import sys
from typing import Any

from airflow_stack_runtime.options import option
from airflow_stack_runtime.verbs.backup_file import BackupFileError

# What a guess costs: 128 MiB of memory and a third of a second. Part of the format: another value is another format.
# https://cheatsheetseries.owasp.org/cheatsheets/Password_Storage_Cheat_Sheet.html#scrypt
SCRYPT: dict[str, Any] = {"n": 2**17, "r": 8, "p": 1, "maxmem": 256 * 1024 * 1024, "dklen": 32}

# Columns that Airflow encrypts, by table, each with the column that says whether (None: always).
# As `airflow rotate-fernet-key` does it.
ENCRYPTED: dict[str, tuple[tuple[str, str | None], ...]] = {
    "connection": (("password", "is_encrypted"), ("extra", "is_extra_encrypted")),
    "variable": (("val", "is_encrypted"),),
    "trigger": (("kwargs", None),),
}


def read_passphrase(secret: str | None) -> bytes:
    """The passphrase: of a secret in Secrets Manager, else the first line of standard input.

    Neither an argument nor a variable: both are shown to whoever may look at the task or the process.
    """
    if secret is not None:
        import boto3

        return str(boto3.client("secretsmanager").get_secret_value(SecretId=secret)["SecretString"]).encode()
    return sys.stdin.buffer.readline().rstrip(b"\r\n")


def seal(key: str, passphrase: bytes, manifest: bytes) -> dict[str, str]:
    """The key as it may stand in a file. It opens with this passphrase and this manifest alone."""
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    salt, nonce = os.urandom(16), os.urandom(12)
    sealed = AESGCM(_stretch(passphrase, salt)).encrypt(nonce, key.encode(), manifest)
    parts = {"salt": salt, "nonce": nonce, "sealed": sealed}
    return {"cipher": "scrypt+AES-256-GCM"} | {name: base64.b64encode(part).decode() for name, part in parts.items()}


def unseal(sealed: dict[str, str], passphrase: bytes, manifest: bytes) -> str:
    """The key. Raises BackupFileError for another passphrase, or a manifest that was changed."""
    from cryptography.exceptions import InvalidTag
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    try:
        salt, nonce, text = (base64.b64decode(sealed[name]) for name in ("salt", "nonce", "sealed"))
        return AESGCM(_stretch(passphrase, salt)).decrypt(nonce, text, manifest).decode()
    except InvalidTag:
        raise BackupFileError("the passphrase is not the backup's, or the file was changed") from None
    except (KeyError, ValueError, binascii.Error):
        raise BackupFileError("its key can't be read: the file is damaged or was changed") from None


def _stretch(passphrase: bytes, salt: bytes) -> bytes:
    return hashlib.scrypt(passphrase, salt=salt, **SCRYPT)


def own_key() -> str:
    """This stack's Fernet key, or several, newest first."""
    return option("core", "fernet_key")


def rotate(cursor: Any, old: str, new: str) -> tuple[int, list[str]]:
    """Encrypt with ``new`` what ``old`` has encrypted, in the open transaction.

    Returns how many values were, and where those stand (``connection.password 7``) that ``old`` does not open: they
    could not be read before, and stay as they are.
    """
    from cryptography.fernet import Fernet, InvalidToken, MultiFernet

    reader, writer = (MultiFernet([Fernet(key.strip()) for key in keys.split(",")]) for keys in (old, new))
    count, unreadable = 0, []
    for table, columns in ENCRYPTED.items():
        for column, mark in columns:
            condition = f" AND {mark}" if mark else ""
            query = f"SELECT id, {column} FROM {table} WHERE {column} <> ''{condition}"  # noqa: S608 - names from above
            cursor.execute(query)
            for row, value in cursor.fetchall():
                try:
                    text = writer.encrypt(reader.decrypt(value.encode())).decode()
                except InvalidToken:
                    unreadable.append(f"{table}.{column} {row}")
                    continue
                cursor.execute(f"UPDATE {table} SET {column} = %s WHERE id = %s", (text, row))  # noqa: S608
                count += 1
    return count, unreadable
