"""Values across the process boundary: data of a closed list of types, never pickle.

``encode`` on the way out of the sandbox, ``decode`` in the parent, ``check_arguments`` before the fork. The list is in
``capsafe.worker.tags``.
"""

from capsafe.worker.authorities import check_arguments
from capsafe.worker.classes import find_local_classes
from capsafe.worker.decode import decode
from capsafe.worker.encode import encode

__all__ = ["check_arguments", "decode", "encode", "find_local_classes"]
