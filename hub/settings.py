"""Every setting of the hub, from the environment (`HUB_…`). Nothing else reads the environment.

`docs/settings.md` documents each; a test holds it to this class.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Literal

from pydantic import Field, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    model_config = SettingsConfigDict(env_prefix="HUB_", frozen=True, extra="ignore")

    host: str = Field("127.0.0.1", description="Address on which `hub serve` and `hub demo` listen.")
    port: int = Field(8000, ge=1, le=65535, description="Port on which `hub serve` and `hub demo` listen.")
    data: Path = Field(
        Path("data"), description="The data folder: the embedded database, keys and the demonstration's accounts."
    )
    database_url: str = Field(
        "",
        description="`sqlite:///path/to/file` or `postgresql://user:password@host/name`. "
        "Empty: `hub.sqlite` in the data folder.",
    )
    base_url: str = Field(
        "", description="The address under which others reach the hub. Empty: `http://` with host and port."
    )
    secure_cookies: bool = Field(
        False, description="Send cookies over TLS only. Switch it on wherever the hub is reached by https."
    )
    session_hours: int = Field(9, ge=1, le=24, description="Hours after which an unused web session ends.")
    token_seconds: int = Field(300, ge=30, le=3600, description="Life of an access token of the API, in seconds.")
    smtp_url: str = Field(
        "", description="`smtp://user:password@host:port` (or `smtps://`). Empty: mail is kept in the outbox, not sent."
    )
    mail_from: str = Field("ihss-hub@localhost", description="Sender of the hub's mail.")
    embedded_worker: bool = Field(
        True, description="Run the worker (jobs, sealer) inside `hub serve`. Switch it off where `hub worker` runs."
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="How much is logged.")
    sqlite_readers: int = Field(4, ge=1, le=64, description="Long-lived reading connections on SQLite.")
    postgres_connections: int = Field(10, ge=2, le=200, description="Connections in the PostgreSQL pool.")
    max_body_bytes: int = Field(
        2_000_000, ge=10_000, le=100_000_000, description="Largest request body that is accepted, in bytes."
    )
    client_seconds: float = Field(
        20, gt=0, le=600, description="Seconds for which a client may stand still while it sends a request or reads."
    )
    client_connections: int = Field(
        800, ge=10, le=100_000, description="Clients connected at a time, to one process. Keep it below its open files."
    )
    database_seconds: float = Field(
        10, gt=0, le=600, description="Seconds for which a request waits for the database before its answer is 503."
    )

    @field_validator("database_url")
    @classmethod
    def _known_database(cls, value: str) -> str:
        if value and not value.startswith(("sqlite:///", "postgresql://", "postgres://")):
            raise ValueError("must begin with sqlite:/// or postgresql://")
        return value

    @property
    def database(self) -> str:
        return self.database_url or f"sqlite:///{self.data / 'hub.sqlite'}"

    @property
    def base(self) -> str:
        """The public address, without a slash at the end."""
        return (self.base_url or f"http://{self.host}:{self.port}").rstrip("/")


@lru_cache(maxsize=1)
def settings() -> Settings:
    """The settings of this process."""
    return Settings()
