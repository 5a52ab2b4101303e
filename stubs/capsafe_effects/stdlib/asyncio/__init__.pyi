# Names of the submodules, which say what they do.
