# shellcheck shell=sh
# What the programs share that look for files.
#
# Paths travel between their stages with a NUL behind each, for that is the one byte that
# no path holds; they begin with `./`, so none is taken for an option.
# In: _FILTER (a regular expression for paths, or empty); _GREP_TEXT (what grep takes so as to
#     read any bytes); _HIDDEN (yes or empty), _DEPTH (folders to go down), _ENTRIES (most that are wanted).

# look_into PATH: stand in the folder that PATH is, or that holds the file that it is. What
# to search there is $_start.
look_into() {
    enter "$1"
    if [ "$_name" = . ]; then
        { [ -r . ] && [ -x . ]; } || fail denied
        _start=.
    else
        [ -e "./$_name" ] || fail missing
        _start=./$_name
        put file yes
    fi
}

# walk TEST...: what is in the folder and passes these tests of find, `! -name .` at least,
# for the folder itself is not in it. Symlinks are found and not followed.
walk() {
    if [ "$_start" != . ]; then
        printf '%s\0' "$_start"
    elif [ -n "$_HIDDEN" ]; then
        find . -maxdepth "$_DEPTH" "$@" -print0
    else
        find . -maxdepth "$_DEPTH" -name '.?*' -prune -o "$@" -print0
    fi
}

# matching: those of the paths that _FILTER matches, if it is given.
matching() {
    if [ -n "$_FILTER" ] && [ "$_start" = . ]; then
        # shellcheck disable=SC2086 # an option or nothing
        grep -zE $_GREP_TEXT -e "$_FILTER"
    else
        cat
    fi
}

# first COUNT: the first of the paths. head counts lines, so newlines and NULs change places.
first() { tr '\n\000' '\000\n' | head -n "$1" | tr '\n\000' '\000\n'; }

# entries: what the paths are, in order, one more than is wanted at the most. No path has
# two slashes in a row, so they and a newline end each record.
entries() {
    sort -z | first "$((_ENTRIES + 1))" | xargs -0 -r sh -c "$_describe" sh | put_bytes entries
}

# with_complaints COMMAND...: run it, and report what its tools complain about. What it
# prints goes into the reply, and what it prints to descriptor 4 too, from inside a pipe.
with_complaints() {
    {
        _complaints=$({ "$@" >&4; } 2>&1 | { head -c 8000 && cat >/dev/null; })
    } 4>&1
    [ -z "$_complaints" ] || printf %s "$_complaints" | put_bytes complaints
}
