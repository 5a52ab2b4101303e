# A loop that reads commands and calls the methods they name.
class Cmd:
    __default__: Performs[Stdin | Stdout] | Unknown["runs the method that a command names"]
    def __init__(self, completekey=..., stdin=..., stdout=...) -> Performs[Stdin | Stdout] | EffectsOf["stdin.readline", "stdout.write", "stdout.flush"]: ...
    prompt: Pure
    identchars: Pure
    ruler: Pure
    lastcmd: Pure
    intro: Pure
    doc_leader: Pure
    doc_header: Pure
    misc_header: Pure
    undoc_header: Pure
    nohelp: Pure
    use_rawinput: Pure
    cmdqueue: Pure
    completekey: Pure
PROMPT: Pure
IDENTCHARS: Pure
