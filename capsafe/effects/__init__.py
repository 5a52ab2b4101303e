"""The effect engine: source text and types to effects, effects to findings. It imports no mypy and no kernel."""
