"""A new database for each measurement: SQLite in a folder, or one on a PostgreSQL server."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import sqlalchemy as sa

SQLITE, POSTGRESQL = "sqlite", "postgresql"


@contextmanager
def a_database(server: str) -> Iterator[str]:
    """Its address; of SQLite (no server) none, which lets the product choose its own file."""
    if not server:
        yield ""
        return
    name = f"bench_{uuid.uuid4().hex}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"'.encode())
    try:
        yield sa.make_url(server).set(database=name).render_as_string(hide_password=False)
    finally:
        with psycopg.connect(server, autocommit=True) as connection:
            connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)'.encode())
