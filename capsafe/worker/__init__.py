"""Running a closure in a confined child and bringing its outcome back. ``capsafe.worker.parent`` is the way in."""
