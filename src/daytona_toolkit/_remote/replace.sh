# shellcheck shell=sh
# How a file gets new content: whole, once, and one writer at a time.
#
# In: those of tidy.sh, with the change's name for _ID.

. ./tidy.sh

_temporary=./.dtk-$_ID
_told= # lines of the reply that stay with the mark of the change

# take_turns: until the program ends nobody else changes a file in this folder. The
# lock is on the folder itself, so it needs no file and dies with its holder.
take_turns() {
    { command exec 8<. && flock 8; } || {
        command exec 8>"$_STATE/lock" && flock 8 # some network file systems lock no folders
    }
    # The change may be in place already, by a request whose answer was lost: the mark comes
    # before the move, which takes the temporary file away.
    if [ -e "$_STATE/$_ID" ] && [ ! -e "$_temporary" ]; then
        cat "$_STATE/$_ID"
        end
    fi
}

# replaceable: what bears the name may be replaced by a file, if anything does.
replaceable() {
    [ ! -d "./$_name" ] || fail isdir
    if [ -e "./$_name" ]; then
        [ -f "./$_name" ] || fail special
        [ -w "./$_name" ] || fail denied
    fi
}

# put_in_place: the temporary file takes the name, with the mode and the owner that
# the file had.
put_in_place() {
    if [ -e "./$_name" ]; then
        # shellcheck disable=SC2046 # four words
        set -- $(stat -c '%a %u:%g' -- "./$_name" "$_temporary")
        [ "$2" = "$4" ] || chown "$2" "$_temporary"
        [ "$1 $2" = "$3 $4" ] || chmod "$1" "$_temporary"
    else
        _told="created yes"
    fi
    echo "$_told" >"$_STATE/$_ID" || rm -f "$_STATE/$_ID"
    _why=$(mv -fT -- "$_temporary" "./$_name" 2>&1) || because "$_why"
    echo "$_told"
    tidy
}

# because MESSAGE: refuse for the reason that a tool gave.
because() {
    rm -f -- "$_temporary" "$_STATE/$_ID"
    case $1 in
    *'No space left'* | *'quota exceeded'*) fail space ;;
    *'ermission denied'* | *'not permitted'*) fail denied ;;
    *'Read-only'*) fail readonly ;;
    *'name too long'*) fail longname ;;
    esac
    printf %s "${1##*: }" | head -c 500 | put_bytes why
    fail other
}
