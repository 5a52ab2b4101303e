"""Making sandboxes from a grant that is only known when the test runs."""

from typing import Any

import pytest

from capsafe import Sandbox


@pytest.fixture
def sandbox_of() -> Any:
    """Return a function from a type argument to a sandbox."""

    def make(argument: Any) -> Any:
        return Sandbox.__class_getitem__(argument)(timeout=30)  # type: ignore[attr-defined]  # Generic has it

    return make
