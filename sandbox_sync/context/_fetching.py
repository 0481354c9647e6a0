"""One GET to a host of the operator's choosing, and to nowhere else."""

from __future__ import annotations

import ipaddress
import socket
import time
from collections.abc import Sequence
from urllib.parse import SplitResult, urlsplit

import httpx

from sandbox_sync.context.base import NotResolved, World

PORTS = {"http": 80, "https": 443}
CHUNK = 64 * 1024


def fetch(url: str, world: World) -> tuple[bytes, str]:
    """The content of an address and its content type, without parameters.

    The host has to be on the operator's list. Its name is resolved once, every address
    it has is checked, and the request goes to the checked address: a name that
    changes its address in between leads nowhere. No redirect is followed, no proxy used.
    """
    parts = _allowed(url, world)
    host, port = str(parts.hostname), parts.port or PORTS[parts.scheme]
    address = _address(host, port, world.networks)
    target = httpx.URL(url).copy_with(host=address)
    deadline = time.monotonic() + world.timeout_seconds
    try:
        with (
            httpx.Client(
                trust_env=False, follow_redirects=False, timeout=world.timeout_seconds
            ) as client,
            client.stream(
                "GET",
                target,
                headers={"Host": parts.netloc, "Accept-Encoding": "identity"},
                extensions={"sni_hostname": host},
            ) as answer,
        ):
            return _read(answer, world.max_bytes, deadline)
    except httpx.HTTPError as error:
        raise NotResolved(f"its server did not answer ({type(error).__name__})") from error


def _allowed(url: str, world: World) -> SplitResult:
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise NotResolved("it is no address", passing=False) from error
    host = (parts.hostname or "").lower()
    if parts.scheme not in PORTS or not host or parts.username or parts.password:
        raise NotResolved("it is no plain http or https address", passing=False)
    named = host if port is None or port == PORTS[parts.scheme] else f"{host}:{port}"
    if named not in world.hosts:
        raise NotResolved("its host is not on the operator's list", passing=False)
    return parts


def _address(host: str, port: int, networks: Sequence[str]) -> str:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError as error:
        raise NotResolved("the name of its host is not known") from error
    addresses = [str(entry[4][0]) for entry in found]
    if not addresses or not all(_is_open(address, networks) for address in addresses):
        raise NotResolved("its host is in a network that is not on the operator's list")
    return addresses[0]


def _is_open(address: str, networks: Sequence[str]) -> bool:
    """Public, or in a network that the operator named."""
    ip = ipaddress.ip_address(address.split("%")[0])
    mapped = getattr(ip, "ipv4_mapped", None)
    ip = mapped or ip
    if any(ip in ipaddress.ip_network(network) for network in networks):
        return True
    return ip.is_global and not ip.is_multicast


def _read(answer: httpx.Response, max_bytes: int, deadline: float) -> tuple[bytes, str]:
    if answer.is_redirect:
        raise NotResolved("its server sends readers elsewhere", passing=False)
    if answer.status_code != httpx.codes.OK:
        raise NotResolved(f"its server answered with status {answer.status_code}")
    content = bytearray()
    for chunk in answer.iter_bytes(CHUNK):
        content += chunk
        if len(content) > max_bytes:
            raise NotResolved("it is larger than allowed", passing=False)
        if time.monotonic() > deadline:
            raise NotResolved("its server is too slow")
    kind = answer.headers.get("content-type", "").partition(";")[0].strip().lower()
    return bytes(content), kind
