"""A small database of their own for the tests of the PostgreSQL engine, so that they may make and drop tables."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from hub.db.engine import bind, fetch
from hub.db.postgres import PooledPostgresEngine
from tests.kit.postgres import Postgres
from tests.kit.wire import Wire, wire_to

SCHEMA = (
    "CREATE TABLE county (id text PRIMARY KEY, name varchar(20), founded date, seen_at timestamptz, open boolean, "
    "offices int)",
    "CREATE TABLE office (n bigserial, id text PRIMARY KEY, county text REFERENCES county (id) ON DELETE CASCADE, "
    "place text)",
    "CREATE TABLE tag (id text PRIMARY KEY, name text UNIQUE)",
    "CREATE TABLE late (id text PRIMARY KEY, county text REFERENCES county (id) DEFERRABLE INITIALLY DEFERRED)",
)


@dataclass
class Lab:
    engine: PooledPostgresEngine
    wire: Wire
    url: str  # past the wire

    async def rounds(self, work: object) -> int:
        before = self.wire.rounds
        await work  # type: ignore[misc]
        return self.wire.rounds - before


@asynccontextmanager
async def open_lab(server: Postgres, size: int = 10) -> AsyncIterator[Lab]:
    name = f"lab_{os.getpid()}"
    server.drop_database(name)
    url = server.create_database(name)
    async with wire_to(url) as wire:
        engine = PooledPostgresEngine(wire.url, size)
        bind(engine)
        for statement in SCHEMA:
            await fetch(statement)
        try:
            yield Lab(engine, wire, url)
        finally:
            await engine.close()


async def ids(table: str) -> list[str]:
    return [row["id"] for row in await fetch(f"SELECT id FROM {table} ORDER BY id")]
