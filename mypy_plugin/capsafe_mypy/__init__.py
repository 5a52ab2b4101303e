"""The mypy plugin of capsafe: ``plugins = ["capsafe_mypy"]``. It rejects what is not the broker's, before it runs."""

from mypy.plugin import Plugin


def plugin(version: str) -> type[Plugin]:
    """Return the plugin's class; mypy calls this with its own version."""
    from capsafe_mypy.plugin import CapsafePlugin  # noqa: PLC0415 - mypy imports this module before it knows its options

    del version
    return CapsafePlugin
