"""The server that is measured: `hub serve` as it is, with the bench's own routes beside the hub's."""

from __future__ import annotations

from bench.routes import ROUTES
from hub.cli import serve_until_stopped
from hub.settings import settings

if __name__ == "__main__":
    serve_until_stopped(settings(), routes=ROUTES)
