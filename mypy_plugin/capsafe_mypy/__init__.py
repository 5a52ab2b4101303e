"""The mypy plugin of capsafe: ``plugins = ["capsafe_mypy"]``. It rejects what is not the broker's, before it runs."""

from mypy.plugin import Plugin


def plugin(version: str) -> type[Plugin]:
    """Return the plugin's class; mypy calls this with its own version."""
    # Not a submodule named ``plugin``: importing that would take the place of this function, which mypy calls again.
    from capsafe_mypy.hooks import CapsafePlugin  # noqa: PLC0415 - mypy imports this module before it knows its options

    del version
    return CapsafePlugin
