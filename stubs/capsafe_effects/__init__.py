"""The effect stubs: what code that can't be analysed does. The data lies beside this file; the grammar in README.md."""

from importlib.resources import files
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable

STUBS: Final["Traversable"] = files(__name__)
