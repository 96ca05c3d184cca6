# shellcheck shell=sh
# What a command is started with. A session learns it with its first.
#
# In: _SHELL (what runs commands) and _LAUNCH (sh that becomes the words after it, in a session of
#     its own and, if anything can, with SIGINT not ignored); empty as long as it is not known.

# know_launch: sets $_shell and $_launch.
know_launch() {
    _shell=$_SHELL _launch=$_LAUNCH
    [ -z "$_launch" ] || return 0
    locate bash || locate sh
    _shell=$_path
    find_launch
    put shell "$_shell"
    put launch "$_launch"
}

# locate TOOL: sets $_path, where it lies, as `command -v` says in a process more. A tool that the
# shell has built in, as some builds of busybox have all, goes by its name.
locate() {
    _rest=$PATH:
    while [ -n "$_rest" ]; do
        _path=${_rest%%:*}/$1 _rest=${_rest#*:}
        [ ! -f "$_path" ] || [ ! -x "$_path" ] || return 0
    done
    _path=$1
    return 1
}

# find_launch: sets $_launch. A job is a `&` of our program, for which sh ignores SIGINT and SIGQUIT,
# and whoever runs us may ignore more, as nohup does. Only a program that is no shell can bring them
# back. GNU's env can give back a locale as well: without one, tools start 0.3 ms sooner.
find_launch() {
    locate setsid
    _setsid="exec '$_path'"
    locate env
    _launch="LC_ALL=C $_setsid '$_path' --default-signal -u LC_ALL \${LC_ALL+\"LC_ALL=\$LC_ALL\"}"
    ! env --default-signal >/dev/null || return 0
    for _launch in \
        "$_setsid env PERL_BADLANG=0 perl -e 'delete \$ENV{PERL_BADLANG}; \
            \$SIG{\$_} = q(DEFAULT) for keys %SIG; exec @ARGV'" \
        "$_setsid python3 -IS -c 'import os, sys; from signal import *; \
            [signal(s, SIG_DFL) for s in valid_signals() - {SIGKILL, SIGSTOP}]; \
            os.execvp(sys.argv[1], sys.argv[1:])'" \
        "$_setsid"; do
        ! (eval "$_launch cat") || break
    done
}
