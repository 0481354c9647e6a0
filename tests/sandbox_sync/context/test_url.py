"""Context from an address: only from hosts of the operator's choosing, and never elsewhere."""

from __future__ import annotations

import contextlib
import http.server
import threading
import time
from collections.abc import Iterator

import pytest

from sandbox_sync.context import url
from sandbox_sync.context.base import NotResolved, Reference, World
from tests.sandbox_sync.context.world import make_world

LOCAL = ("127.0.0.0/8",)


class Pages(http.server.BaseHTTPRequestHandler):
    """A server with one page for each thing that can happen."""

    asked: list[str] = []  # noqa: RUF012 - shared on purpose

    def do_GET(self) -> None:
        self.asked.append(self.path)
        answers = {
            "/text": (200, "text/plain; charset=utf-8", "Grüße".encode()),
            "/json": (200, "application/json", b'{"a": [1]}'),
            "/bad-json": (200, "application/json", b"{"),
            "/picture": (200, "image/png", b"\x89PNG"),
            "/drawing": (200, "image/svg+xml", b"<svg/>"),
            "/large": (200, "text/plain", b"x" * 2000),
            "/missing": (404, "text/plain", b"no"),
            "/away": (302, "text/plain", b""),
        }
        if self.path == "/slow":
            time.sleep(1.5)
        status, kind, content = answers.get(self.path, (200, "text/plain", b"late"))
        self.send_response(status)
        self.send_header("Content-Type", kind)
        if status == 302:
            self.send_header("Location", "/text")
        self.end_headers()
        with contextlib.suppress(BrokenPipeError):
            self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:
        return


@pytest.fixture(scope="module")
def server() -> Iterator[int]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Pages) as running:
        thread = threading.Thread(target=running.serve_forever)
        thread.start()
        yield running.server_port
        running.shutdown()
        thread.join()


def get(address: str, world: World) -> object:
    return url.resolve(Reference("page", "url", address, {}), {}, world)


def allowed(port: int, **more: object) -> World:
    return make_world(hosts=frozenset({f"localhost:{port}"}), networks=LOCAL, **more)


def test_text_json_and_pictures_are_taken(server: int) -> None:
    world = allowed(server)
    assert get(f"http://localhost:{server}/text", world) == "Grüße"
    assert get(f"http://localhost:{server}/json", world) == {"a": [1]}
    assert get(f"http://localhost:{server}/picture", world) == "kept:4:image/png"


@pytest.mark.parametrize(
    ("page", "words", "passing"),
    [
        ("away", "elsewhere", False),
        ("large", "larger than allowed", False),
        ("drawing", "neither text", False),
        ("bad-json", "is not", False),
        ("missing", "status 404", True),
    ],
)
def test_what_is_not_taken(server: int, page: str, words: str, passing: bool) -> None:  # noqa: FBT001
    with pytest.raises(NotResolved, match=words) as refused:
        get(f"http://localhost:{server}/{page}", allowed(server))
    assert refused.value.retryable is passing


def test_a_slow_server_does_not_hold_us(server: int) -> None:
    begun = time.monotonic()
    with pytest.raises(NotResolved, match="did not answer"):
        get(f"http://localhost:{server}/slow", allowed(server, timeout_seconds=0.3))
    assert time.monotonic() - begun < 1.2


def test_a_proxy_of_the_environment_is_not_used(
    server: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    assert get(f"http://localhost:{server}/text", allowed(server)) == "Grüße"


@pytest.mark.parametrize(
    "address",
    [
        "http://127.0.0.1:{port}/text",  # another name of an allowed host is not allowed
        "http://localhost/text",  # another port
        "https://localhost:{port}.example.com/",
        "http://user:secret@localhost:{port}/text",
        "ftp://localhost:{port}/text",
        "file:///etc/passwd",
        "http://[::1]:{port}/text",
        "http://localhost:99999/",
    ],
)
def test_other_hosts_are_never_asked(server: int, address: str) -> None:
    Pages.asked.clear()
    with pytest.raises(NotResolved) as refused:
        get(address.format(port=server), allowed(server))
    assert refused.value.retryable is False
    assert Pages.asked == []


@pytest.mark.parametrize("networks", [(), ("10.0.0.0/8",)])
def test_a_host_in_a_network_that_was_not_named_is_never_asked(
    server: int, networks: tuple[str, ...]
) -> None:
    Pages.asked.clear()
    world = make_world(hosts=frozenset({f"localhost:{server}"}), networks=networks)
    with pytest.raises(NotResolved, match="network"):
        get(f"http://localhost:{server}/text", world)
    assert Pages.asked == []


def test_one_inner_address_among_outer_ones_is_enough_to_refuse(
    server: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def both(*_: object, **__: object) -> list[object]:
        return [(2, 1, 6, "", (ip, server)) for ip in ("93.184.215.14", "169.254.169.254")]

    monkeypatch.setattr("socket.getaddrinfo", both)
    with pytest.raises(NotResolved, match="network"):
        get(f"http://localhost:{server}/text", make_world(hosts=frozenset({f"localhost:{server}"})))
