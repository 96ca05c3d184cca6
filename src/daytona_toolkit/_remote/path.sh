# shellcheck shell=sh
# How a path becomes a folder to stand in and a name in it.
#
# Standing in the folder pins it: a symlink swapped in above it afterwards cannot
# move the operation elsewhere.

. ./confined.sh

# enter PATH: go to the folder that really holds PATH; its name there is $_name. A folder
# is entered itself, under the name `.`, for what holds the root is outside of it.
enter() {
    export LC_ALL=C
    if [ -d "$1" ]; then
        go "$1/"
    else
        go "$1"
        if [ -L "./$_name" ]; then
            # The dot keeps newlines that end a name from being trimmed.
            _target=$(readlink -f -- "./$_name" && echo .) || fail missing
            go "${_target%??}"
        fi
    fi
    inside
}

go() {
    case $1 in
    */ | */. | */..) _folder=$1 _name=. ;;
    *) _folder=${1%/*}/ _name=${1##*/} ;;
    esac
    cd -P -- "$_folder" || blame "${_folder%/}"
}

# blame FOLDER: say why it cannot be entered.
blame() {
    [ ! -d "$1" ] || fail denied
    _folder=$1
    while [ -n "$_folder" ] && [ ! -e "$_folder" ]; do
        _folder=${_folder%/*}
    done
    [ -d "$_folder/" ] || fail notdir
    [ -x "$_folder/" ] || fail denied
    fail missing
}

# regular: the name is a file that can be read; its content is behind $_source.
regular() {
    [ ! -d "./$_name" ] || fail isdir
    [ -e "./$_name" ] || fail missing
    [ -f "./$_name" ] || fail special
    _source=./$_name
    [ -r "$_source" ] || fail denied
    pinned
}
