"""Addresses as they may be shown: without what lets somebody in."""

import re
import socket
from urllib.parse import urlsplit

__all__ = ["unknown_host", "without_secrets"]


def unknown_host(address: str) -> str | None:
    """What to say where nobody knows the host of an address, of which FFmpeg says no more than "Input/output error"."""
    try:
        host = urlsplit(address).hostname
        if host:
            socket.getaddrinfo(host, None)
    except socket.gaierror:
        return f"the host {host} is not known"
    except ValueError:
        pass
    return None


def without_secrets(address: str) -> str:
    """An address without user and password, whether they stand before the host, in the path or behind a ``?``.

    Of the path, a part with a ``=`` is cut there (cameras take ``/user=…_password=…``); of a query nothing is left.

    Args:
        address: With ``://``; other words come back as they are.
    """
    head, slashes, rest = address.partition("://")
    if not slashes:
        return address
    rest, mark, _ = rest.partition("?")
    rest, hash_mark, _ = rest.partition("#")
    server, slash, path = rest.partition("/")
    login, at, host = server.rpartition("@")
    if not at and "@" in path and not re.fullmatch(r"(\[[^\]]*\]|[^:]*)(:\d+)?", server):
        # user:pass/word@host, which should have been pass%2Fword
        login, at, server = rest.rpartition("@")
        host, slash, path = server.partition("/")
    parts = [part.partition("=") for part in path.split("/")]
    path = "/".join(f"{name}=…" if equals else name for name, equals, _ in parts)
    return f"{head}://{'…@' if login else at}{host}{slash}{path}{'?…' if mark else '#…' if hash_mark else ''}"
