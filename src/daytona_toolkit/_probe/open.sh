# shellcheck shell=sh
# open: begin a session; report its root, its folders, and which tools this sandbox lacks. What they
# can do takes processes to find out: what needs to know it first does that, in launch.sh and abilities.sh.
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
    for _file; do
        case $_file in
        ./job-*)
            _job=${_file#./}
            _job=${_job%%.*}
            [ ! -s "$_job.exit" ] && read -r _pid <"$_job.supervisor" && kill -0 "$_pid" ||
                rm -rf "$_job" "$_job".*
            ;;
        *) rm -rf "$_file" ;;
        esac
    done'

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

begin
export LC_ALL=C # tools then look for no locales
# It keeps open files from the programs that it starts, so flock would lock nothing.
[ -z "${KSH_VERSION-}" ] || fail ksh
check_tools
# Where an open file lies is what confines a session.
[ -z "$_CONFINED" ] || [ -e /proc/self/fd ] || fail proc
# shellcheck disable=SC2088 # it stands for the home folder here as elsewhere
case $_ROOT in '~' | '~/'*) _ROOT=${HOME:-/}${_ROOT#?} ;; esac
[ -d "${_ROOT:-.}" ] || mkdir -p -- "$_ROOT" || fail root
cd -P -- "${_ROOT:-.}" || fail root
put_string root "$PWD"
put_string home "${HOME:-/}"
make_state
put_string state "$PWD"
put_string session "$PWD/$_session"
# zsh and bash read a program byte by byte, and a printf that is a tool takes at most 128 KiB.
case ${ZSH_VERSION-}${BASH_VERSION-}$(command -v printf) in printf) put swift yes ;; esac
end
