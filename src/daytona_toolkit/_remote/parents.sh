# shellcheck shell=sh
# How the folders above a new file are made, and entered.
# In: those of replace.sh.

# find_missing PATH: sets $_folder, the deepest folder above it that is there, and $_rest, the folders
# below that which are missing, each with a slash.
find_missing() {
    _folder=${1%/*} _rest=
    while [ -n "$_folder" ] && [ ! -e "$_folder" ] && [ ! -L "$_folder" ]; do
        _rest=${_folder##*/}/$_rest
        _folder=${_folder%/*}
    done
    case /$_rest in */../*) fail missing ;; esac
}

# make_parents PATH: make the folders above it that are missing.
make_parents() {
    find_missing "$1"
    [ -n "$_rest" ] || return 0
    # They were there when this request did its work, and somebody has removed them since.
    [ ! -e "$_mark" ] || tell_again
    enter "$_folder/"
    _why=$(mkdir -p -- "./$_rest" 2>&1) || fail_with "$_why"
}

# enter_to_write PATH: stand in the folder of a file that is to be written, which is made if it is
# missing and locked.
enter_to_write() {
    make_parents "$1"
    enter "$1"
    check_replaceable
    lock_folder
}
