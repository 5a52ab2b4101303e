__default__: Performs[ReadFile | WriteFile]
error: Pure
