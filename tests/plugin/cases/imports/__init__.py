"""The cases about imports."""
