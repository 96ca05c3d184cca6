# shellcheck shell=sh
# open: begin a session; report its root, its folders, what starts commands, and which tools this
# sandbox lacks. What those that search can do takes processes to find out: see abilities.sh.
#
# The sandbox names the session's folder, so a copy of this request that comes late makes a
# folder that nobody uses. A later session removes it.
#
# In: _ROOT (asked for, or empty); _CONFINED (yes or empty).

. ../_remote/frame.sh
. ../_remote/inline.sh

# check_tools: the reply names the tools that are missing.
check_tools() {
    _missing=
    for _tool in base64 cat chmod chown cp cut dd flock head mkdir mkfifo mv readlink rm setsid \
        sha256sum sleep stat tail timeout tr wc; do
        command -v "$_tool" >/dev/null || _missing="$_missing $_tool"
    done
    [ -z "$_missing" ] || {
        put names "$_missing"
        fail tools
    }
    _missing=
    for _tool in find grep sort xargs; do
        command -v "$_tool" >/dev/null || _missing="$_missing $_tool"
    done
    put search_lacks "$_missing"
}

# is_ours FOLDER: it is there, and nobody else's. Where several share the temporary files, another
# may have made it before us, or laid a link that leads elsewhere. If we make it, then with that of
# the session.
is_ours() {
    # shellcheck disable=SC2174 # what holds it is not ours to close
    [ -d "$1" ] || mkdir -p -m 700 "$1" "$1/$_session" || return
    # shellcheck disable=SC3067 # all shells know -O
    [ ! -h "$1" ] && [ -O "$1" ]
}

# For `sh -c`, with old files as its arguments. A job that runs still needs all of its files.
# shellcheck disable=SC2016 # the other sh expands it
_sweep='
    _seen=" "
    for _file; do
        shift
        case $_file in
        ./job-*)
            _job=${_file#./}
            _job=${_job%%.*}
            case $_seen in *" $_job "*) continue ;; esac
            _seen="$_seen$_job "
            [ -s "$_job.exit" ] || ! read -r _pid <"$_job.supervisor" || ! kill -0 "$_pid" ||
                continue
            set -- "$@" "$_job" "$_job".*
            ;;
        *) set -- "$@" "$_file" ;;
        esac
    done
    rm -rf "$@"'

# fail_state: we can have no folder of our own; the reply names what should hold it.
fail_state() {
    put_string temporary "${TMPDIR:-/tmp}"
    fail state
}

# make_state: our own folder, and in it that of the session. From here on it is the working folder.
make_state() {
    read -r _uptime _ </proc/uptime || _uptime=$(date +%s)
    _session=session-$$.$_uptime.$_NONCE
    _state=${TMPDIR:-/tmp}/.daytona-toolkit
    is_ours "$_state" || {
        _state=$_state-$(id -u)
        is_ours "$_state" || fail_state
    }
    cd -P "$_state" || fail_state
    [ -d "$_session" ] || {
        # What was left by sessions that nobody closed.
        find . -maxdepth 2 \( -name 'session-*' -o -name 'job-*' \) -mtime +7 -prune \
            -exec sh -c "$_sweep" sh {} + -o -name 'upload-*' -mtime +0 -exec rm -f {} +
        mkdir "$_session" || fail_state
    }
    true >"$_session/floor.0"
    printf '%65536s' '' >"$_session/ballast"
}

# locate TOOL: sets $_path, where it lies, as `command -v` says in a process more. A tool that the
# shell has built in, as some builds of busybox have all, goes by its name; so does one whose path
# has a quote, which would end the quotes around it.
locate() {
    _rest=$PATH:
    while [ -n "$_rest" ]; do
        _path=${_rest%%:*}/$1 _rest=${_rest#*:}
        case $_path in *\'*) continue ;; esac
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

begin
export LC_ALL=C # tools then look for no locales
# It keeps open files from the programs that it starts, so flock would lock nothing.
[ -z "${KSH_VERSION-}" ] || fail ksh
check_tools
# Where an open file lies is what confines a session.
[ -z "$_CONFINED" ] || [ -e /proc/self/fd ] || fail proc
_root=${_ROOT:-.}
# shellcheck disable=SC2088 # it stands for the home folder here as elsewhere
case $_root in
'~' | '~/'*) _root=${HOME:-/}${_root#?} ;;
[!/]*) _root=./$_root ;; # not by way of CDPATH
esac
[ -d "$_root" ] || mkdir -p -- "$_root" || fail root
cd -P -- "$_root" || fail root
put_string root "$PWD"
put_string home "${HOME:-/}"
make_state
put_string state "$PWD"
put_string session "$PWD/$_session"
locate bash || locate sh
put_string shell "$_path"
find_launch
put_string launch "$_launch"
# zsh and bash read a program byte by byte, and a printf that is a tool takes at most 128 KiB.
case ${ZSH_VERSION-}${BASH_VERSION-}$(command -v printf) in printf) put swift yes ;; esac
end
