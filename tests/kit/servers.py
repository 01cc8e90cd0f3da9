"""Servers that misbehave: each answers every request with the same bytes, or is not there."""

from __future__ import annotations

import atexit
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def answering(answer: bytes) -> Iterator[str]:
    """A server that gives the same answer to every request."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()

        def serve() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                with connection:
                    connection.recv(65536)
                    connection.sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join(10)


def http(body: bytes, status: str = "200 OK") -> bytes:
    head = f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    return head.encode() + body


def silent_url() -> str:
    """An address where nobody listens, nor will: it stays taken until this process ends."""
    taken = socket.socket()
    taken.bind(("127.0.0.1", 0))
    atexit.register(taken.close)
    return f"http://127.0.0.1:{taken.getsockname()[1]}"


@contextmanager
def keeping(*, answers: int) -> Iterator[tuple[str, list[object]]]:
    """A server that keeps a connection for so many answers, then closes it without a word.

    Its address, and a list that grows by one with each connection.
    """
    opened: list[object] = []
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()

        def serve() -> None:
            while True:
                try:
                    connection, address = listener.accept()
                except OSError:
                    return
                opened.append(address)
                with connection:
                    for _ in range(answers):
                        if not connection.recv(65536):
                            break
                        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n1")

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}", opened
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join(10)
