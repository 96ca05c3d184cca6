# shellcheck shell=sh
# What programs share that search for files.
#
# Paths travel between the stages of a pipe, each ended by a NUL, the one byte that no path
# holds; they begin with `./`, so none is taken for an option. The last of them is `/`, which
# find names when it has been everywhere else: a stage that could not be started, or that was
# killed, loses it, so nothing that is incomplete looks complete.
#
# In: that of own.sh; _HIDDEN (yes or empty); _DEPTH (folders to go down).

. ../_remote/own.sh
. ../_remote/temporary.sh

# look_into PATH: stand in the folder that PATH is, or that holds the file that it is. What
# to search there is $_start.
look_into() {
    enter "$1"
    if [ "$_name" = . ]; then
        # Opened, and not only looked at: see open_regular.
        { command exec 6<. 6<&- && [ -x . ]; } || fail denied
        _start=.
    else
        [ -e "./$_name" ] || fail missing
        _start=./$_name
        put file yes
    fi
}

# walk TEST... ACTION: what is in the folder and passes these tests of find, among them
# `! -name .`, because the folder itself is not in it. Symlinks are found and not followed.
walk() {
    if [ "$_start" != . ]; then
        printf '%s\0' "$_start" /
    elif [ -n "$_HIDDEN" ]; then
        find_own
        find . / -maxdepth "$_DEPTH" -path / -print0 -prune -o -name "$_temporaries" -prune -o \
            -path "$_own" -prune -o "$@"
    else
        find . / -maxdepth "$_DEPTH" -path / -print0 -prune -o -name '.?*' -prune -o "$@"
    fi
}
