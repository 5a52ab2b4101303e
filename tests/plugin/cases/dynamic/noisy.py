"""A module that does something when it is imported."""

print("imported")
