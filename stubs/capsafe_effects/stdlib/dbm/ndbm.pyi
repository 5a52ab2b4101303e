__default__: Performs[ReadFile | WriteFile]
