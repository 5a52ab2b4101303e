"""Names that others import."""

import os
import pathlib

__all__ = ["starred_remove"]

starred_remove = os.remove
first = os.remove
second = first
length = len
P = pathlib.Path
ACTIONS = {"rm": os.remove}
