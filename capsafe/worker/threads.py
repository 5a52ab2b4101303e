"""A call in a thread of its own, awaited.

This module knows how a waiting task is cancelled together with the child it waits for. It refuses to use the loop's own
pool of threads: a few closures that take long would keep everything else out of it.
"""

import asyncio
import contextlib
import threading
from collections.abc import Callable
from typing import TypeVar

from capsafe.worker.parent import Cancellation

R = TypeVar("R")


async def run_in_thread(call: Callable[[], R], cancellation: Cancellation) -> R:
    """Return what ``call`` returns, or raise what it raises.

    ``cancellation``: ends the call when the task that waits for it is cancelled. The cancellation goes on only when the
    call has ended.
    """
    loop = asyncio.get_running_loop()
    # A pair, never the exception itself: a future can't hold StopIteration.
    finished: asyncio.Future[tuple[R | None, BaseException | None]] = loop.create_future()

    def tell(value: R | None, error: BaseException | None) -> None:
        if not finished.done():
            finished.set_result((value, error))

    def work() -> None:
        value, error = None, None
        try:
            value = call()
        except BaseException as problem:  # noqa: BLE001 - it is raised where it is awaited
            error = problem
        with contextlib.suppress(RuntimeError):  # the loop was closed meanwhile: nobody waits
            loop.call_soon_threadsafe(tell, value, error)

    # A daemon: when the program ends, the child ends with the thread.
    thread = threading.Thread(target=work, name="capsafe", daemon=True)
    thread.start()
    try:
        value, error = await asyncio.shield(finished)
    except asyncio.CancelledError:
        cancellation.cancel()
        await asyncio.wait([finished])
        raise
    finally:
        # It has told its result, which is the last thing that it does.
        if finished.done():
            thread.join()
    if error is not None:
        try:
            raise error
        finally:
            del error  # it refers to this frame, which would refer to it
    return value  # type: ignore[return-value]  # None only where that is the result
