# shellcheck shell=sh
# grep: lines that match a regular expression.
#
# Files are searched in order, until there are lines enough. GNU's grep searches many in one
# process, leaves out those that are binary, and says so. Others take processes for each
# file that has a match. A line of `//` ends what they print, and shows that no stage behind
# them was lost.
#
# In: those of path.sh and found.sh; _PATH; _FILTER (of the files to search); _PATTERN;
#     _CONTEXT (lines); _CLIP (bytes kept of a line), _BYTES (of all of them together).

. ../../_remote/frame.sh
. ../../_remote/path.sh
. ../../_search/walk.sh
. ../../_search/found.sh

# For `sh -c`, with files as its arguments: for each of them its path and `//`, and then its
# lines that match, and those around them. A complaint of `/` shows that there is no more.
# shellcheck disable=SC2016 # the other sh expands it
_each='
    grep -qE $_grep_text -e "$_PATTERN" -- "$@"
    _status=$?
    [ "$_status" -le 2 ] || exit 255
    for _file; do
        [ "$_file" != / ] || { echo "grep: /: is the last" >&2; continue; }
        { [ "$_status" != 1 ] && grep -qE $_grep_text -e "$_PATTERN" -- "$_file"; } || continue
        case $(tr -dc "\000" <"$_file" | wc -c) in
        *[1-9]*) echo "grep: $_file: binary file matches" >&2; continue ;;
        *0) ;;
        *) exit 255 ;;
        esac
        command exec 7<"$_file" || continue
        # What is read must be what was found, and not what a symlink made since leads to.
        [ -z "$_CONFINE" ] ||
            [ "$(readlink "/proc/$$/fd/7" && echo .)" = "${PWD%/}/${_file#./}${_newline}." ] ||
            continue
        printf "%s//\n" "$_file"
        grep -nE $_grep_text $_around -e "$_PATTERN" <&7 | cut -b "1-$_CLIP" || exit 255
    done'

search() {
    echo 'lines<'
    if [ -n "$_joined" ]; then
        # Of / grep complains that it is a folder.
        # shellcheck disable=SC2086 # options or nothing
        found -type f | sort -z | {
            xargs -0 grep -nHZE $_around --no-group-separator -e "$_PATTERN" --
            echo //
        } | cut -b "1-$((_CLIP + 4200))" | head -c "$_BYTES" | base64
    else
        found -type f | sort -z | {
            xargs -0 -n 50 sh -c "$_each" sh
            echo //
        } | head -c "$_BYTES" | base64
    fi
    echo .
}

begin
look_into "$_PATH"
[ "$_start" = . ] || [ -f "$_start" ] || fail special
[ "$_start" = . ] || command exec 6<"$_start" 6<&- || fail denied
_newline='
'
know_grep
_joined=
! can_grep gnu || [ -n "$_CONFINE" ] || _joined=yes
[ -z "$_joined" ] || put joined yes
_around=
[ "$_CONTEXT" = 0 ] || _around="-C $_CONTEXT"
export _PATTERN _CONFINE _CLIP _grep_text _around _newline
with_complaints search
end
