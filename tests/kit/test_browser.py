"""The test kit's browser sees a page as its users would, and axe works under a strict policy."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tests.kit.browser import axe_violations, open_browser

pytestmark = pytest.mark.browser

GOOD = "<!doctype html><html lang=en><title>Work</title><main><h1>Work</h1><label>Name <input></label></main>"
BAD = "<!doctype html><html><title>Work</title><main><h1>Work</h1><input><img src='/x.png'></main>"
POLICY = "default-src 'self'; script-src 'self'; style-src 'self'; object-src 'none'; base-uri 'none'"


class Strict(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        body = (GOOD if self.path == "/good" else BAD).encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Security-Policy", POLICY)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def site() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Strict) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


async def test_axe_finds_nothing_on_a_good_page_and_names_the_faults_of_a_bad_one(site: str) -> None:
    async with open_browser() as browser:
        page = await browser.new_page()
        await page.goto(f"{site}/good")
        assert await axe_violations(page) == []
        await page.goto(f"{site}/bad")
        found = [line.split()[0] for line in await axe_violations(page)]
        assert sorted(found) == ["html-has-lang", "image-alt", "label"]


async def test_the_strict_policy_is_in_force_while_axe_runs(site: str) -> None:
    async with open_browser() as browser:
        page = await browser.new_page()
        refused: list[str] = []
        page.on("console", lambda message: refused.append(message.text))
        await page.goto(f"{site}/good")
        await axe_violations(page)
        await page.evaluate(
            """() => {
                const inline = document.createElement('script');
                inline.textContent = 'window.ran = 1';
                document.body.append(inline);
            }"""
        )
        assert await page.evaluate("window.ran") is None
        assert any("Content Security Policy" in text for text in refused)
