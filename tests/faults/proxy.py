"""A proxy before Postgres that loses the reply to a commit: what was written is there, and whoever wrote is not told."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from urllib.parse import urlsplit, urlunsplit

BEGIN, COMMIT = b"BEGIN", b"COMMIT"


@dataclass(slots=True)
class Proxy:
    """What is lost, and what was.

    Attributes:
        url: the address of the database, by way of the proxy.
        target: the host and port of the server.
        loses: told what was said since the transaction began, whether to lose the reply to its commit.
        lost: what was said in the transactions whose replies were lost.
    """

    url: str
    target: tuple[str, int]
    loses: Callable[[bytes], bool] = lambda _: False
    lost: list[bytes] = field(default_factory=list[bytes])
    lock: threading.Lock = field(default_factory=threading.Lock)

    def serve(self, client: socket.socket) -> None:
        """Pass on what one client says, until a reply is to be lost."""
        with client, socket.create_connection(self.target) as server, contextlib.suppress(OSError):
            threading.Thread(target=_passed_on, args=(server, client), daemon=True).start()
            said, is_open = b"", False
            while data := client.recv(1 << 16):
                is_open = is_open or BEGIN in data
                said += data
                if not is_open or COMMIT in data:
                    with self.lock:
                        if self.loses(said):
                            self.lost.append(said)
                            _cut(server, client, data)
                            return
                    said, is_open = b"", False
                server.sendall(data)


def _cut(server: socket.socket, client: socket.socket, data: bytes) -> None:
    """Say the last word to the server, wait until it has answered, and tell the client nothing."""
    client.shutdown(socket.SHUT_WR)
    server.sendall(data + b"X\0\0\0\4")  # and good-bye, after which it closes
    server.settimeout(10)
    with contextlib.suppress(OSError):
        while server.recv(1 << 16):
            pass


def _passed_on(server: socket.socket, client: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := server.recv(1 << 16):
            client.sendall(data)
        client.shutdown(socket.SHUT_RDWR)


@contextlib.contextmanager
def proxied(url: str) -> Iterator[Proxy]:
    """A proxy before the server of this address."""
    parts = urlsplit(url)
    assert parts.port is not None
    login = parts.netloc.rpartition("@")[0]
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        proxy = Proxy(urlunsplit(parts._replace(netloc=f"{login}@127.0.0.1:{port}")), ("127.0.0.1", parts.port))

        def accept() -> None:
            with contextlib.suppress(OSError):
                while True:
                    client, _ = listening.accept()
                    threading.Thread(target=proxy.serve, args=(client,), daemon=True).start()

        threading.Thread(target=accept, daemon=True).start()
        yield proxy
        listening.shutdown(socket.SHUT_RDWR)
