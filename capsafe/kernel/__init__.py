"""Policy to kernel: the only part with pyseccomp, landlockpy, ctypes and prctl, each of them imported late.

``prepare`` in the parent, ``Prepared.restrict`` in the child. ``capsafe.kernel.process`` has the other steps of a
child, and ``capsafe.kernel.support`` says what this system can enforce.
"""

from capsafe.kernel.restrict import Prepared as Prepared
from capsafe.kernel.restrict import prepare as prepare
from capsafe.kernel.restrict import prepare_observing as prepare_observing
from capsafe.kernel.support import Support as Support
from capsafe.kernel.support import probe as probe
