__default__: Performs[Stdio] | Unknown["runs the Python that it reads"]
