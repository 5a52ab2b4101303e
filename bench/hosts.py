"""What a connect costs that the supervisor makes, beside one that the kernel allows, in turns of the same run.

    python -m bench.hosts [ROUNDS]

The closure makes a socket and connects it to a server on the loopback, again and again: in a sandbox whose scope is a
port, which Landlock holds, and in one whose scope is a host, which the supervisor holds; and the same without a
sandbox. There is no bound.
"""

import os
import socket
import sys
import time
from typing import Any, Literal

from bench.figures import Figure, main, median, ratio
from capsafe import Connect, Sandbox

ROUNDS = 15
CALLS = 100


def connecting(_: object, port: int) -> list[float]:
    """Return how long it took to make a socket, connect and close it, a number of times, in seconds."""
    times = []
    for _ in range(CALLS):
        start = time.perf_counter()  # type: ignore[capsafe-ambient]  # no clock of the broker is as exact
        # The plain calls are the subject.
        with socket.socket() as stream:  # type: ignore[capsafe-ambient]  # as above
            stream.connect(("127.0.0.1", port))  # type: ignore[capsafe-ambient]  # as above
        times.append(time.perf_counter() - start)  # type: ignore[capsafe-ambient]  # as above
    return times


def accept(server: socket.socket) -> None:
    """Take every connection and close it, until the server is closed."""
    while True:
        try:
            server.accept()[0].close()
        except OSError:
            return


def figures(rounds: int = ROUNDS) -> list[Figure]:
    """Return the median of a connect by the supervisor, and both ratios to one without a sandbox."""
    server = socket.create_server(("127.0.0.1", 0), backlog=512)
    port = server.getsockname()[1]
    # In a process of its own: a thread would compete with the supervisor for the interpreter.
    pid = os.fork()
    if pid == 0:
        accept(server)
        os._exit(0)
    grant: Any = Connect
    by_port: Any = grant[Literal.__getitem__(f"*:{port}")]
    by_host: Any = grant[Literal.__getitem__(f"127.0.0.1:{port}")]
    boxes: dict[str, Any] = {
        "supervisor": Sandbox.__class_getitem__(by_host)(),  # type: ignore[attr-defined]  # Generic has it
        "Landlock": Sandbox.__class_getitem__(by_port)(),  # type: ignore[attr-defined]  # as above
    }
    times: dict[str, list[float]] = {name: [] for name in (*boxes, "outside")}
    try:
        for _ in range(rounds):
            for name, box in boxes.items():
                times[name] += box.execute(connecting, port)[1:]
            times["outside"] += connecting(None, port)[1:]
    finally:
        os.kill(pid, 9)
        os.waitpid(pid, 0)
        server.close()
    return [
        median("a connect by the supervisor, in all", times["supervisor"], "us"),
        ratio("a connect by the supervisor", times, "supervisor", "outside"),
        ratio("a connect that Landlock holds", times, "Landlock", "outside"),
    ]


if __name__ == "__main__":
    sys.exit(main(figures, sys.argv[1:]))
