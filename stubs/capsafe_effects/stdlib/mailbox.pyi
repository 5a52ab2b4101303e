# Mailboxes are files and folders; new names in a Maildir are made of the time, the process's number and the host's name.
# Messages are values in memory.
__default__: Performs[ReadFile | WriteFile | Clock | SystemInfo]
__import__: Pure
class Message:
    __default__: Pure
class MaildirMessage:
    __default__: Pure
    # A new message is dated now.
    def __init__(self, message=...) -> Performs[Clock]: ...
class _mboxMMDFMessage:
    __default__: Pure
    # A message that has no line "From " gets one that is dated now.
    def __init__(self, message=...) -> Performs[Clock]: ...
    def set_from(self, from_, time_=...) -> Performs[Clock]: ...
class mboxMessage:
    __default__: Pure
class MHMessage:
    __default__: Pure
class BabylMessage:
    __default__: Pure
class MMDFMessage:
    __default__: Pure
class _ProxyFile:
    # Reads the file that the mailbox has opened.
    __default__: Pure
class _PartialFile:
    __default__: Pure
class Error:
    __default__: Pure
class NoSuchMailboxError:
    __default__: Pure
class NotEmptyError:
    __default__: Pure
class ExternalClashError:
    __default__: Pure
class FormatError:
    __default__: Pure
