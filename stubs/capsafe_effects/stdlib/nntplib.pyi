# News over the network; user names may come from ~/.netrc.
__default__: Performs[Connect | Resolve | ReadFile | WriteFile]
__import__: Pure
class NNTPError:
    __default__: Pure
class GroupInfo:
    __default__: Pure
class ArticleInfo:
    __default__: Pure
def decode_header(header_str) -> Pure: ...
