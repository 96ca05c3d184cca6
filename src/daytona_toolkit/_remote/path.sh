# shellcheck shell=sh
# How a path becomes a folder to stand in and a name in it.
#
# Standing in the folder pins it: a symlink swapped in above it afterwards cannot move the
# operation elsewhere. File operations of a confined session stay under its root, and under
# our own folder, where cut output is kept.
# In: _CONFINE (the root, or empty), _STATE (our own folder).

# enter PATH: go to the folder that really holds PATH; its name there is $_name. A folder is
# entered itself, under the name `.`, because what holds the root is outside of it.
enter() {
    # fail_with reads what tools say, and sorting must not depend on a locale.
    export LC_ALL=C
    if [ -d "$1" ]; then
        go_to "$1/"
    else
        go_to "$1"
        # Link by link, as many as the kernel follows: GNU's `readlink -f` does not end where one
        # leads through itself.
        _links=40
        while [ -L "./$_name" ]; do
            [ "$_links" -gt 0 ] || fail missing
            _links=$((_links - 1))
            # The dot keeps newlines that end a name from being trimmed.
            _target=$(readlink -- "./$_name" && echo .) || fail missing
            case $_target in /*) ;; *) _target=./$_target ;; esac
            go_to "${_target%??}"
        done
    fi
    check_confined "${PWD%/}"
}

# go_to PATH: stand in the folder that the path names, or that holds what it names.
go_to() {
    case $1 in
    */ | */. | */..) _folder=$1 _name=. ;;
    *) _folder=${1%/*}/ _name=${1##*/} ;;
    esac
    cd -P -- "$_folder" || fail_unreachable "${_folder%/}"
}

# check_confined PATH: it is real, and lies where this session may be.
check_confined() {
    [ -n "$_CONFINE" ] || return 0
    case $1/ in
    "${_CONFINE%/}"/* | "$_STATE"/*) ;;
    *) fail outside ;;
    esac
}

# fail_unreachable FOLDER: say why it cannot be entered.
fail_unreachable() {
    [ ! -d "$1" ] || fail denied
    _folder=$1
    while [ -n "$_folder" ] && [ ! -e "$_folder" ]; do
        _folder=${_folder%/*}
    done
    [ -d "$_folder/" ] || fail notdir
    [ -x "$_folder/" ] || fail denied
    fail missing
}

# is_there: whether anything bears the name.
is_there() { [ -e "./$_name" ] || [ -L "./$_name" ]; }

# open_regular: the name is a regular file; its content is read through $_source. It is opened
# here, and not only looked at: some systems deny the opening alone, and in a confined
# session the name may become a symlink between a look at it and an opening by name.
open_regular() {
    [ ! -d "./$_name" ] || fail isdir
    [ -e "./$_name" ] || fail missing
    [ -f "./$_name" ] || fail special
    command exec 7<"./$_name" || fail denied
    _source=./$_name
    [ -n "$_CONFINE" ] || return 0
    # Of the process that reads it: $$ would not be a subshell.
    _source=/proc/self/fd/7
    # The dot keeps newlines that end a name from being trimmed.
    [ "$(readlink -- "$_source" && echo .)" = "${PWD%/}/$_name
." ] || fail outside
}
