"""The mypy plugin of capsafe: rejects what is not the broker's, before it runs."""
