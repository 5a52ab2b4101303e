# Completes names: evaluates what stands before the dot.
__default__: Unknown["evaluates the text before the dot, and reads every attribute of what that is"]
__import__: Pure
