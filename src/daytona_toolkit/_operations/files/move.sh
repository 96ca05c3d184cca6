# shellcheck shell=sh
# move: give a file, folder or symlink another path.
# In: those of itself.sh and change.sh; _ORIGIN, _TARGET (the paths); _OVERWRITE (yes or empty).

. ../../_remote/frame.sh
. ./itself.sh
. ../../_remote/parents.sh
. ../../_remote/entries.sh
. ./change.sh

# check_target: the name is free, or what bears it may be replaced.
check_target() {
    is_there || return 0
    [ -n "$_OVERWRITE" ] || fail exists
    check_kept
    if [ -n "$_is_folder" ]; then
        is_folder || fail isfile
        # shellcheck disable=SC2012 # whether there is any name
        [ -z "$(ls -A "./$_name" | head -n 1)" ] || fail full
    elif is_folder; then
        fail isdir
    fi
}

# rename PATH: it takes the name at once, or not at all.
rename() {
    if [ -n "$_OVERWRITE" ]; then
        # busybox takes a symlink to a folder for that folder, and refuses.
        _why=$(mv -fT -- "$1" "./$_name" 2>&1) ||
            { [ -L "./$_name" ] && _why=$(rm -f "./$_name" && mv -fT -- "$1" "./$_name" 2>&1); } ||
            fail_with "$_why"
    else
        # Somebody may have taken the name since it was looked at.
        _why=$(mv -nT -- "$1" "./$_name" 2>&1) || {
            ! is_there || fail exists
            fail_with "$_why"
        }
        { [ ! -e "$1" ] && [ ! -L "$1" ]; } || fail exists
    fi
}

# carry: to another file system. It is whole there before it has the name, and gone here last.
carry() {
    [ -w "$_holder" ] || fail denied
    rm -rf -- "$_temporary"
    _why=$(cp -a -- "$_moved" "$_temporary" 2>&1) || give_up
    note_begun "$_id" "$(id "$_temporary")"
    # In a subshell, because it may refuse, and then the copy is removed.
    _refused=$(rename "$_temporary") || quit
    [ -z "$_refused" ] || {
        rm -rf -- "$_temporary"
        echo "$_refused"
        end
    }
    clear_source
}

give_up() {
    rm -rf -- "$_temporary"
    fail_with "$_why"
}

clear_source() { _why=$(rm -rf -- "$_moved" 2>&1) || fail_with "$_why"; }

# has_moved: an earlier copy of the request has taken it from its old path.
has_moved() { [ -n "$_begun" ] && [ "${_begun%% *}" != "$_id" ]; }

check_origin() {
    is_there || fail missing
    check_kept
    is_folder || return 0
    _is_folder=yes
    # Before folders are made in it.
    case $_TARGET in "$_ORIGIN"/*) fail within ;; esac
}

# put_here: it gets the name here, if no earlier copy of the request has given it that.
put_here() {
    case ${PWD%/}/ in "$_moved"/*) fail within ;; esac
    hold_both "$_holder" .
    if has_moved; then
        is_there || fail missing
        return
    fi
    if [ -n "$_begun" ] && [ "${_begun#* }" = "$(id "./$_name")" ]; then
        clear_source
        return
    fi
    # Somebody may have taken it since it was looked at.
    [ -e "$_moved" ] || [ -L "$_moved" ] || {
        put about source
        fail missing
    }
    check_target
    if [ "${_id%%-*}" = "$(stat -c %d .)" ]; then
        note_begun "$_id"
        rename "$_moved"
    else
        carry
    fi
}

move() {
    reach "$_ORIGIN"
    _holder=$PWD _moved=${PWD%/}/$_name
    _id=$(id "./$_name")
    _begun=$(begun)
    _is_folder=
    has_moved || check_origin
    put about target
    make_parents "$_TARGET"
    reach "$_TARGET"
    [ "${PWD%/}/$_name" = "$_moved" ] || put_here
    describe "./$_name"
}

begin
once move
