"""NumPy, whose core is native code."""

from typing import Never

import numpy as np

from capsafe import Broker, Sandbox

SANDBOX = Sandbox[Never]()


def load_array() -> None:
    def closure(broker: Broker[Never]) -> None:
        np.load("notes.npy")  # E: [capsafe-ambient]  # FALSE: [capsafe-unknown]

    SANDBOX.execute(closure)


def zeros() -> None:
    def closure(broker: Broker[Never]) -> float:
        return float(np.zeros(3).sum())  # FALSE: [capsafe-unknown]

    SANDBOX.execute(closure)
