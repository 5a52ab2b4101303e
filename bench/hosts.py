"""What a connect costs that the supervisor makes, beside one that the kernel allows, interleaved in the same run.

    python bench/hosts.py [ROUNDS]

The closure makes a socket and connects it to a server on the loopback, again and again: in a sandbox whose scope is a
port, which Landlock holds, and in one whose scope is a host, which the supervisor holds; and the same without a
sandbox. The bound is one millisecond for a socket and its connect.
"""

import os
import socket
import statistics
import sys
import time
from typing import Any, Literal

from capsafe import Connect, Sandbox

ROUNDS = 15
CALLS = 100
BOUND = 1e-3


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


def main(arguments: list[str]) -> int:
    """Print the medians and their ratios."""
    rounds = int(arguments[0]) if arguments else ROUNDS
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
        "by the supervisor": Sandbox.__class_getitem__(by_host)(),  # type: ignore[attr-defined]  # Generic has it
        "by Landlock": Sandbox.__class_getitem__(by_port)(),  # type: ignore[attr-defined]  # as above
    }
    found: dict[str, list[float]] = {name: [] for name in (*boxes, "without a sandbox")}
    try:
        for _ in range(rounds):
            for name, box in boxes.items():
                found[name] += box.execute(connecting, port)[1:]
            found["without a sandbox"] += connecting(None, port)[1:]
    finally:
        os.kill(pid, 9)
        os.waitpid(pid, 0)
        server.close()
    plain = statistics.median(found["without a sandbox"])
    for name, times in found.items():
        middle = statistics.median(times)
        late = sorted(times)[len(times) * 95 // 100]
        print(
            f"socket, connect and close {name:18} median {middle * 1e6:7.1f} us   95 % below {late * 1e6:7.1f} us   "
            f"{middle / plain:4.1f} times"
        )
    return 0 if statistics.median(found["by the supervisor"]) < BOUND else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
