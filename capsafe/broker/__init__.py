"""The broker: what a closure asks instead of the world, typed by what its sandbox grants."""

from typing import TYPE_CHECKING

from capsafe.broker.surface import Broker as Broker

if TYPE_CHECKING:
    from capsafe.broker.paths import BrokerPath as BrokerPath

__all__ = ["Broker", "BrokerPath"]


if not TYPE_CHECKING:  # type checkers must say of a misspelt name that it is not there

    def __getattr__(name: str) -> object:
        """Load BrokerPath when it is asked for: pathlib costs more than the rest of the package."""
        if name == "BrokerPath":
            from capsafe.broker.paths import BrokerPath  # noqa: PLC0415 - late, see above

            return BrokerPath
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
