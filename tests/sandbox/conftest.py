"""Whatever a test does, nothing is left behind."""

import threading
from collections.abc import Iterator

import pytest

from tests.sandbox.boxes import PURE, children, descriptors


@pytest.fixture(autouse=True)
def nothing_left_behind() -> Iterator[None]:
    """Whatever a test does, there are no more descriptors, processes and threads afterwards."""
    PURE.execute(lambda _: None)
    before = descriptors(), children(), threading.active_count()
    yield
    assert (descriptors(), children(), threading.active_count()) == before
