"""Names of others, handed on."""

from aliasing.inner import double as double
from aliasing.inner import rm as rm
