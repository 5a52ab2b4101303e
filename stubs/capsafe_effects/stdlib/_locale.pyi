# setlocale reads the locale's files; LC_ALL and others stand in the environment.
@overload
def setlocale(category, locale: None = ..., /) -> Pure: ...
@overload
def setlocale(category, locale=..., /) -> Performs[ReadFile | Environ]: ...
def localeconv() -> Pure: ...
def strcoll(os1, os2, /) -> Pure: ...
def strxfrm(string, /) -> Pure: ...
def nl_langinfo(key, /) -> Pure: ...
def getencoding() -> Pure: ...
# Translations are files.
def gettext(msg, /) -> Performs[ReadFile]: ...
def dgettext(domain, msg, /) -> Performs[ReadFile]: ...
def dcgettext(domain, msg, category, /) -> Performs[ReadFile]: ...
def textdomain(domain, /) -> Performs[ReadFile]: ...
def bindtextdomain(domain, dir, /) -> Performs[ReadFile]: ...
def bind_textdomain_codeset(domain, codeset, /) -> Performs[ReadFile]: ...
LC_CTYPE: Pure
LC_COLLATE: Pure
LC_TIME: Pure
LC_MONETARY: Pure
LC_NUMERIC: Pure
LC_ALL: Pure
CHAR_MAX: Pure
LC_MESSAGES: Pure
ABDAY_1: Pure
ABDAY_2: Pure
ABDAY_3: Pure
ABDAY_4: Pure
ABDAY_5: Pure
ABDAY_6: Pure
ABDAY_7: Pure
ABMON_1: Pure
ABMON_2: Pure
ABMON_3: Pure
ABMON_4: Pure
ABMON_5: Pure
ABMON_6: Pure
ABMON_7: Pure
ABMON_8: Pure
ABMON_9: Pure
ABMON_10: Pure
ABMON_11: Pure
ABMON_12: Pure
DAY_1: Pure
DAY_2: Pure
DAY_3: Pure
DAY_4: Pure
DAY_5: Pure
DAY_6: Pure
DAY_7: Pure
ERA: Pure
ERA_D_T_FMT: Pure
ERA_D_FMT: Pure
ERA_T_FMT: Pure
MON_1: Pure
MON_2: Pure
MON_3: Pure
MON_4: Pure
MON_5: Pure
MON_6: Pure
MON_7: Pure
MON_8: Pure
MON_9: Pure
MON_10: Pure
MON_11: Pure
MON_12: Pure
CODESET: Pure
D_T_FMT: Pure
D_FMT: Pure
T_FMT: Pure
T_FMT_AMPM: Pure
AM_STR: Pure
PM_STR: Pure
RADIXCHAR: Pure
THOUSEP: Pure
YESEXPR: Pure
NOEXPR: Pure
CRNCYSTR: Pure
ALT_DIGITS: Pure
