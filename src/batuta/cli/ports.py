"""Who listens on a port of this machine."""

from __future__ import annotations

import socket
from contextlib import closing

from batuta.cli.escapes import one_line


def holder_of(port: int) -> str | None:
    """Return `pid 123 (nginx)` of the program that listens on `port`; None when nobody does or it cannot be told."""
    import psutil

    try:
        connections = psutil.net_connections(kind="tcp")
    except (psutil.Error, OSError):
        return None
    for connection in connections:
        # Another user's process shows its socket, but not its number.
        is_it = connection.status == psutil.CONN_LISTEN and connection.laddr and connection.laddr.port == port
        if is_it and connection.pid:
            return f"pid {connection.pid} ({_program(connection.pid)})"
    return None


def is_free(host: str, port: int) -> bool:
    """Whether `port` could be listened on now."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with closing(socket.socket(family, socket.SOCK_STREAM)) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


def _program(pid: int) -> str:
    import psutil

    try:
        return one_line(psutil.Process(pid).name())
    except psutil.Error:
        return "gone by now"
