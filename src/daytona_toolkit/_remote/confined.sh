# shellcheck shell=sh
# The bounds of a confined session: file operations stay under its root, and under our own
# folder, where cut output is kept. Sessions that are not confined get free.sh instead.
# In: _CONFINE (the root), _STATE.

# inside: the folder that we stand in lies within the bounds.
inside() {
    case ${PWD%/}/ in
    "${_CONFINE%/}"/* | "$_STATE"/*) ;;
    *) fail outside ;;
    esac
}

# pinned: open the file, and let $_source lead to what was opened. Between a look at the
# name and an opening by name it may have become a symlink.
pinned() {
    command exec 7<"$_source" || fail denied
    _source=/proc/self/fd/7 # of whoever reads it: $$ would not be a subshell
    # The dot keeps newlines that end a name from being trimmed.
    [ "$(readlink -- "$_source" && echo .)" = "${PWD%/}/$_name
." ] || fail outside
}
