# shellcheck shell=sh
# grep: lines that match a regular expression.
#
# First the files that have such a line are found, then they are put in order, then those
# with a NUL are left out, and then the lines are printed until there are enough.
#
# In: those of path.sh and search.sh; _PATH; _FILTER (of the files to search); _PATTERN;
#     _GREP_GNU (yes or empty); _CASE (-i or empty); _CONTEXT (lines);
#     _CLIP (bytes kept of a line), _LINES and _BYTES (of all of
#     them together).

. ../../_remote/frame.sh
. ../../_remote/path.sh
. ./search.sh

_newline='
'
# A byte that is not one of the others: NUL.
_nul=$(printf '[^\001-\377]')

# hits: files with a line that matches.
# shellcheck disable=SC2016,SC2086 # each expands it; options or nothing
hits() {
    if [ -n "$_gnu" ]; then
        walk -type f | matching | xargs -0 -r grep -alZE $_CASE -e "$_PATTERN" --
    else
        # A newline in a name would make two names of it, in what grep prints.
        [ "$_start" != . ] || walk -type f ! -path "*$_newline*" | matching |
            xargs -0 -r grep -lE $_CASE -e "$_PATTERN" -- | tr '\n' '\000'
        walk -type f -path "*$_newline*" 2>/dev/null | matching | each '
            grep -qE $_CASE -e "$_PATTERN" -- "$_file" && printf "%s\0" "$_file"'
    fi
}

# each SCRIPT: run it for each of the paths, $_file.
each() { xargs -0 -r sh -c "for _file; do $1${_newline}done" sh; }

# text: those of the paths that hold no NUL. How many it was given, it reports.
# shellcheck disable=SC2016 # sh expands it
text() {
    if [ -n "$_gnu" ]; then
        _test='grep -aLZE -e "$_nul" -- "$@"'
    else
        _test='for _file; do
            [ "$(tr -dc "\000" <"$_file" | wc -c)" -gt 0 ] || printf "%s\0" "$_file"
        done'
    fi
    xargs -0 -r sh -c "$_test"'; echo "hits$$ $#" >&4' sh
}

# lines: for each of the paths its lines that match, and those around them. Joined, every
# line stands behind the path and a NUL; otherwise the lines follow the path and `//`.
# shellcheck disable=SC2016,SC2086 # each expands it; options or nothing
lines() {
    if [ -n "$_joined" ]; then
        xargs -0 -r grep -anHZE $_CASE $_around --no-group-separator -e "$_PATTERN" -- |
            cut -b "1-$((_CLIP + 4200))"
    else
        # What is read must be what was found, and not what a symlink made since leads to.
        each '
            command exec 7<"$_file" || continue
            [ -z "$_CONFINE" ] ||
                [ "$(readlink "/proc/$$/fd/7" && echo .)" = "${PWD%/}/${_file#./}${_newline}." ] ||
                continue
            printf "%s//\n" "$_file"
            grep -nE $_GREP_TEXT $_CASE $_around -e "$_PATTERN" <&7 | cut -b "1-$_CLIP"'
    fi
}

search() {
    _found=$(hits | sort -z | text | lines | head -n "$_LINES" | head -c "$_BYTES" | base64)
    [ -z "$_joined" ] || put joined yes
    printf 'lines<\n%s\n.\n' "$_found"
}

begin
look_into "$_PATH"
[ "$_start" = . ] || [ -f "$_start" ] || fail special
[ "$_start" = . ] || [ -r "$_start" ] || fail denied
# What GNU's grep and cut do in one process for many files takes others one for each.
_gnu=$_GREP_GNU
_joined=$_gnu
[ -z "$_CONFINE" ] || _joined=
_around=
[ "$_CONTEXT" = 0 ] || _around="-C $_CONTEXT"
export _PATTERN _CASE _CONFINE _CLIP _GREP_TEXT _around _newline _nul
with_complaints search
end
