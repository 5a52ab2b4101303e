"""capsafe: a sandbox whose type says what code may do."""

import typing

from capsafe.broker import Broker as Broker
from capsafe.capabilities import Ambient as Ambient
from capsafe.capabilities import Capability as Capability
from capsafe.capabilities import Clock as Clock
from capsafe.capabilities import Connect as Connect
from capsafe.capabilities import Datagram as Datagram
from capsafe.capabilities import Environ as Environ
from capsafe.capabilities import FileSystem as FileSystem
from capsafe.capabilities import Import as Import
from capsafe.capabilities import Listen as Listen
from capsafe.capabilities import NativeCode as NativeCode
from capsafe.capabilities import Network as Network
from capsafe.capabilities import Process as Process
from capsafe.capabilities import Random as Random
from capsafe.capabilities import ReadFile as ReadFile
from capsafe.capabilities import Resolve as Resolve
from capsafe.capabilities import Signal as Signal
from capsafe.capabilities import Spawn as Spawn
from capsafe.capabilities import StatFile as StatFile
from capsafe.capabilities import Stderr as Stderr
from capsafe.capabilities import Stdin as Stdin
from capsafe.capabilities import Stdio as Stdio
from capsafe.capabilities import Stdout as Stdout
from capsafe.capabilities import SystemInfo as SystemInfo
from capsafe.capabilities import Threads as Threads
from capsafe.capabilities import UnixSocket as UnixSocket
from capsafe.capabilities import WriteFile as WriteFile
from capsafe.errors import CapabilityError as CapabilityError
from capsafe.errors import Denial as Denial
from capsafe.errors import GrantError as GrantError
from capsafe.errors import MissingPathError as MissingPathError
from capsafe.errors import SandboxKilledError as SandboxKilledError
from capsafe.errors import SandboxTimeoutError as SandboxTimeoutError
from capsafe.errors import TransferError as TransferError
from capsafe.errors import UnsupportedError as UnsupportedError
from capsafe.sandbox import Sandbox as Sandbox

__version__: str


if typing.TYPE_CHECKING:
    from capsafe.policy.observation import Observation as Observation
else:  # type checkers must say of a misspelt name that it is not there

    def __getattr__(name: str) -> object:
        """Look up what is seldom asked for: importlib.metadata costs more than the rest of the package."""
        if name == "Observation":
            from capsafe.policy.observation import Observation  # noqa: PLC0415 - late, see above

            return Observation
        if name == "__version__":
            from importlib.metadata import version  # noqa: PLC0415 - late, see above

            return version("capsafe")
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


del typing  # what is public is what is listed above
