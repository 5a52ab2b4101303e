__default__: Performs[Import | ReadFile] | Unknown["runs the module or file that it is told"]
