# shellcheck shell=sh
# How making a folder, a move or a removal takes effect once.
#
#   done.N          what request N said, a refusal too
#   done.N.lock     held by the copy of the request that is at work
#   done.N.begun    what was about to be moved or removed, should the request be cut off
#
# In: those of once.sh; _ROOT.

. ../../_remote/replace.sh

# once FUNCTION: what it says is the reply, and that of every copy of the request.
once() {
    # A disk may be too full even for an empty file.
    { command exec 8>>"$_mark.lock" && flock 8; } || { command exec 8<"$_SESSION" && flock 8; }
    if [ -e "$_mark" ]; then
        cat "$_mark"
        end
    fi
    is_fresh || fail "$_late"
    _reply=$(
        end() { exit 0; }
        "$1"
        end
    ) || quit
    leave_mark
    put_reply
    tidy
    end
}

# note_begun ID...: from here on the change may be in place.
note_begun() { echo "$*" >"$_mark.begun"; }

# begun: what was noted, if a copy of this request was cut off.
begun() { [ ! -e "$_mark.begun" ] || cat "$_mark.begun"; }

# id PATH: what tells it from all else that may bear its name; empty if nothing does. A new
# file may get the number of an old one, so its time counts; a folder's changes with its content.
id() {
    # shellcheck disable=SC2046 # two words and the time zone
    set -- "$1" $(stat -c '%d-%i-%y' -- "$1")
    [ $# -gt 1 ] || return
    if [ -d "$1" ] && [ ! -L "$1" ]; then stat -c '%d-%i' -- "$1"; else echo "$2T$3"; fi
}

# check_kept: the name is not that of the root, of our own folder, or of what holds them.
check_kept() {
    [ "$_name" != . ] || fail kept
    for _kept in "$_ROOT" "$_STATE"; do
        case $_kept/ in
        "${PWD%/}/$_name"/*) fail kept ;;
        esac
    done
}

# hold_both FOLDER FOLDER: in an order that is the same for all.
hold_both() {
    # shellcheck disable=SC2046 # two words for each
    set -- "$1" "$2" $(stat -c '%i %d' -- "$1" "$2")
    if [ "$3" -gt "$5" ] || { [ "$3" = "$5" ] && [ "$4" -gt "$6" ]; }; then
        set -- "$2" "$1" "$5" "$6" "$3" "$4"
    fi
    hold "$1"
    [ "$3 $4" = "$5 $6" ] || { command exec 7<"$2" && flock 7; }
}
