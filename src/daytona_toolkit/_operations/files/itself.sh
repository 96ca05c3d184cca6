# shellcheck shell=sh
# A path that is not followed if it is a symlink.
# In: those of path.sh.

. ../../_remote/path.sh

# reach PATH: stand in the folder that holds what PATH names; its name there is $_name. For `/`,
# which no folder holds, it is `.`.
reach() {
    export LC_ALL=C
    go_to "$1"
    if [ "$_name" = . ] && [ "$PWD" != / ]; then
        _name=${PWD##*/}
        cd -P -- .. || fail denied
    fi
    check_confined "${PWD%/}/$_name"
}

# is_folder: whether it is a folder, and no symlink to one.
is_folder() { [ -d "./$_name" ] && [ ! -L "./$_name" ]; }
