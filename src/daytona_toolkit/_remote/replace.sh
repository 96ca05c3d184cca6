# shellcheck shell=sh
# How a file gets new content: whole, once, and one writer at a time.
#
# In: those of once.sh.

. ./once.sh
. ./temporary.sh

_mark=$_SESSION/done.$_NUMBER
_temporary=./.dtk-${_SESSION##*.}.$_NUMBER
# Lines of the reply that stay with the mark.
_reply=

# hold FOLDER: until the program ends nobody else changes a file in it. The lock is on the folder
# itself, so it needs no file and dies with its holder.
hold() {
    { command exec 8<"$1" && flock 8; } || {
        # Some network file systems lock no folders.
        command exec 8>"$_STATE/lock" && flock 8
    }
}

# lock_folder: hold this one, and go on where a request that was cut off has ended.
lock_folder() {
    hold .
    # The change may be in place already, by a request whose answer was lost: the mark comes
    # before the move, which takes the temporary file away.
    [ ! -e "$_mark" ] || [ -e "$_temporary" ] || tell_again
    is_fresh || fail "$_late"
    # A writer holds the lock, so what lies here was left by one that was killed.
    for _file in ./$_temporaries; do
        [ ! -e "$_file" ] || is_promised "${_file#./.dtk-}" || rm -rf -- "$_file"
    done
}

# tell_again: what became of this request, to a copy of it.
tell_again() {
    cat "$_mark"
    end
}

# is_promised SESSION.REQUEST: its writer was killed after it had left its mark. The request may come
# again, and would take the mark for the change if the temporary file were gone.
is_promised() {
    for _promise in "$_STATE"/session-*."${1%%.*}/done.${1#*.}"; do
        [ -e "$_promise" ]
    done
}

# check_replaceable: what bears the name may be replaced by a file, if anything does.
check_replaceable() {
    [ ! -d "./$_name" ] || fail isdir
    if [ -e "./$_name" ]; then
        [ -f "./$_name" ] || fail special
        [ -w "./$_name" ] || fail denied
    fi
}

# leave_mark: what became of this request, for a copy of it.
leave_mark() {
    put_reply >"$_mark" || {
        make_room
        put_reply >"$_mark" || rm -f "$_mark"
    }
}

# put_reply: not by echo, which may change a backslash.
put_reply() { printf '%s\n' "$_reply"; }

# fill COMMAND...: what it prints becomes the temporary file.
fill() {
    # A shell does not say why it could not print, and cat does.
    "$@" >"$_temporary" || fail_with "$({ "$@" | cat >"$_temporary"; } 2>&1)"
}

# adjust: what else is to be done to the temporary file, of $_version; a program may replace it.
adjust() { :; }

# keep_mode WORDS: give the temporary file the mode and the owner of the file that it replaces; at
# least the group, where only root may give files away. Five words are of that file and five of its
# own, as stat has them by `%a %u:%g %s-%i-%y`. Sets the versions $_replaced and $_version.
keep_mode() {
    [ "$2" = "$7" ] || chown "$2" "$_temporary" || chown ":${2#*:}" "$_temporary"
    [ "$1 $2" = "$6 $7" ] || chmod "$1" "$_temporary"
    _replaced=$3T$4 _version=$8T$9
}

# commit VERSION: the temporary file takes the name, with the mode and the owner that the
# file had; if the version of the file is like this pattern (`none`: if there is no file).
commit() {
    _wanted=$1
    if [ -e "./$_name" ]; then
        # shellcheck disable=SC2046 # five words for each file
        set -- $(stat -c '%a %u:%g %s-%i-%y' -- "./$_name" "$_temporary")
        # shellcheck disable=SC2254 # a pattern
        case $3T$4 in
        $_wanted) ;;
        *) rm -f -- "$_temporary" && return 1 ;;
        esac
        keep_mode "$@"
        _reply="replaced $_replaced
$_reply"
    else
        [ "$_wanted" = '*' ] || [ "$_wanted" = none ] || { rm -f -- "$_temporary" && return 1; }
        # shellcheck disable=SC2046 # three words
        set -- $(stat -c '%s-%i-%y' -- "$_temporary")
        _version=$1T$2
        _reply="created yes
$_reply"
    fi
    adjust
    _reply="version $_version
$_reply"
    leave_mark
    _why=$(mv -fT -- "$_temporary" "./$_name" 2>&1) || fail_with "$_why"
    put_reply
}

# fail_with MESSAGE: refuse for the reason that a tool gave.
fail_with() {
    rm -f -- "$_temporary" "$_mark"
    ! was_killed "$1" || quit
    case $1 in
    *'No space left'* | *'quota exceeded'*) fail space ;;
    *'ermission denied'* | *'not permitted'*) fail denied ;;
    *'Read-only'*) fail readonly ;;
    *'name too long'*) fail longname ;;
    *'resource busy'*) fail mounted ;;
    esac
    put_why "${1##*: }"
    fail other
}
