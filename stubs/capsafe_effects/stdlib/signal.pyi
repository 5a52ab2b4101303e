# Signals of this process and to others. A handler runs at any moment from then on.
def signal(signalnum, handler) -> Performs[Signal] | EffectsOf["handler"]: ...
def alarm(seconds, /) -> Performs[Signal]: ...
def setitimer(which, seconds, interval=..., /) -> Performs[Signal]: ...
def pause() -> Performs[Signal]: ...
def pthread_kill(thread_id, signalnum, /) -> Performs[Signal]: ...
def pidfd_send_signal(pidfd, sig, siginfo=..., flags=..., /) -> Performs[Signal]: ...
def pthread_sigmask(how, mask) -> Performs[Signal]: ...
def siginterrupt(signalnum, flag, /) -> Performs[Signal]: ...
def sigwait(sigset) -> Performs[Signal]: ...
def sigwaitinfo(sigset, /) -> Performs[Signal]: ...
def sigtimedwait(sigset, timeout, /) -> Performs[Signal]: ...
def raise_signal(signalnum, /) -> Performs[Signal]: ...
def set_wakeup_fd(fd, /, *, warn_on_full_buffer=...) -> Performs[Signal]: ...
# Raises KeyboardInterrupt.
def default_int_handler(signalnum, frame, /) -> Pure: ...
def getsignal(signalnum) -> Pure: ...
def getitimer(which, /) -> Pure: ...
def sigpending() -> Pure: ...
def strsignal(signalnum, /) -> Pure: ...
def valid_signals() -> Pure: ...
class Signals:
    __default__: Pure
class Handlers:
    __default__: Pure
class Sigmasks:
    __default__: Pure
class ItimerError:
    __default__: Pure
class struct_siginfo:
    __default__: Pure
NSIG: Pure
SIG_DFL: Pure
SIG_IGN: Pure
SIGABRT: Pure
SIGFPE: Pure
SIGILL: Pure
SIGINT: Pure
SIGSEGV: Pure
SIGTERM: Pure
SIGALRM: Pure
SIGBUS: Pure
SIGCHLD: Pure
SIGCONT: Pure
SIGHUP: Pure
SIGIO: Pure
SIGIOT: Pure
SIGKILL: Pure
SIGPIPE: Pure
SIGPROF: Pure
SIGQUIT: Pure
SIGSTOP: Pure
SIGSYS: Pure
SIGTRAP: Pure
SIGTSTP: Pure
SIGTTIN: Pure
SIGTTOU: Pure
SIGURG: Pure
SIGUSR1: Pure
SIGUSR2: Pure
SIGVTALRM: Pure
SIGWINCH: Pure
SIGXCPU: Pure
SIGXFSZ: Pure
ITIMER_PROF: Pure
ITIMER_REAL: Pure
ITIMER_VIRTUAL: Pure
SIG_BLOCK: Pure
SIG_UNBLOCK: Pure
SIG_SETMASK: Pure
SIGCLD: Pure
SIGPOLL: Pure
SIGPWR: Pure
SIGRTMAX: Pure
SIGRTMIN: Pure
SIGSTKFLT: Pure
