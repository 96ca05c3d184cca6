# shellcheck shell=sh
# How a request that changes something takes effect once, however often and whenever it
# arrives.
#
# A session numbers its requests. What a request did is marked under its number, so that a
# copy finds the mark. Before marks are removed, the session raises its floor: below the floor
# nothing runs any more. When the session closes, its folder goes, and nothing of it runs.
#
#   floor.N   nothing below N runs; the highest counts
#   done.N    what request N did, as lines of its reply
#   closed.N  request N was refused or given up, and does not run
#   ballast   bytes to give up when the disk is full
#
# In: _STATE, _SESSION (the session's folder in it), _NUMBER, _FLOOR (what to raise the floor
#     to, or empty), _CLOSED (names of what closes requests above the floor); those of forget.sh.

. ./forget.sh

# is_fresh: whether this request may still run; else $_late says why not. Look at the mark
# first and at the floor then: the floor is raised before a mark is removed.
is_fresh() {
    [ -z "$_FLOOR" ] || leave_signs "floor.$_FLOOR"
    # shellcheck disable=SC2086 # names
    [ -z "$_CLOSED" ] || leave_signs $_CLOSED
    [ ! -e "$_SESSION/closed.$_NUMBER" ] || { _late=late && return 1; }
    for _floor in "$_SESSION"/floor.*; do
        _floor=${_floor##*/floor.}
        case $_floor in *[!0-9]*) _late=closed && return 1 ;; esac
        [ "$_NUMBER" -ge "$_floor" ] || { _late=late && return 1; }
    done
}

# leave_signs NAME...: empty files of the session. `true`, as a redirection that fails would end the
# shell for `:`.
leave_signs() {
    for _sign; do
        true >"$_SESSION/$_sign" || {
            make_room
            true >"$_SESSION/$_sign"
        }
    done
}

# make_room: the disk is full. What we keep for later is worth less than what is wanted now.
make_room() {
    rm -f "$_SESSION/ballast"
    for _exit in "$_STATE"/job-*.exit; do
        # An empty one is what there was no room for.
        [ -s "$_exit" ] || continue
        for _kept in "${_exit%exit}out" "${_exit%exit}err"; do
            [ ! -s "$_kept" ] || true >"$_kept"
        done
    done
}

# tidy: remove what the session needs no longer, beside its operation. What make_room gave up is
# laid by again, where there is room.
tidy() {
    [ -e "$_SESSION/ballast" ] || printf '%65536s' '' >"$_SESSION/ballast" ||
        rm -f "$_SESSION/ballast"
    # Where not even an empty file could be made, copies still need the marks.
    [ -z "$_FLOOR" ] || [ ! -e "$_SESSION/floor.$_FLOOR" ] || { remove_marks & }
}

# remove_marks: those below the floor, and what the session has given up.
remove_marks() {
    exec >/dev/null 8>&-
    cd "$_SESSION" || exit
    # The floor before this one stays: a request that looks while a new one comes and an old
    # one goes must not miss both.
    _before=0
    for _file in floor.*; do
        _file=${_file#floor.}
        [ "$_file" -ge "$_FLOOR" ] || [ "$_file" -le "$_before" ] || _before=$_file
    done
    set --
    for _file in floor.*; do
        [ "${_file#floor.}" -ge "$_before" ] || set -- "$@" "$_file"
    done
    for _file in done.* closed.*; do
        _mark_of=${_file#*.}
        _mark_of=${_mark_of%%.*}
        [ "$_mark_of" = '*' ] || [ "$_mark_of" -ge "$_FLOOR" ] || set -- "$@" "$_file"
    done
    discard "$@"
}
