"""Addresses as they may be shown: without what lets somebody in."""

import socket
from urllib.parse import urlsplit

__all__ = ["unknown_host", "without_secrets"]


def unknown_host(address: str) -> str | None:
    """What to say where nobody knows the host of an address, of which FFmpeg says no more than "Input/output error"."""
    try:
        parts = urlsplit(address)
        host = parts.hostname
        # With an "@" behind the host, what looks like it may be a part of a password.
        if host and "@" not in parts.path + parts.query + parts.fragment:
            socket.getaddrinfo(host, None)
    except socket.gaierror:
        return f"the host {host} is not known"
    except ValueError:
        pass
    return None


def without_secrets(address: str) -> str:
    """An address without user and password, whether they stand before the host, in the path or behind a ``?``.

    All up to the last ``@`` is taken for user and password, which may hold a ``/``, ``?`` or ``#`` that should have
    been written as ``%2F``, ``%3F`` or ``%23``; where it may be a query or a key of the path as well, nothing is left.
    Of the path, a part with a ``=`` is cut there (cameras take ``/user=…_password=…``); of a query nothing is left.

    Args:
        address: With ``://``; other words come back as they are.
    """
    head, slashes, rest = address.partition("://")
    if not slashes:
        return address
    login, at, rest = rest.rpartition("@")
    if "?" in login or "#" in login or ("/" in login and "=" in login):
        return f"{head}://…"
    rest, mark, _ = rest.partition("?")
    rest, hash_mark, _ = rest.partition("#")
    host, slash, path = rest.partition("/")
    parts = [part.partition("=") for part in path.split("/")]
    path = "/".join(f"{name}=…" if equals else name for name, equals, _ in parts)
    return f"{head}://{'…@' if login else at}{host}{slash}{path}{'?…' if mark else '#…' if hash_mark else ''}"
