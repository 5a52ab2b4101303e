# An empty package.
