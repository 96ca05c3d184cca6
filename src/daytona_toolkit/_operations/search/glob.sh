# shellcheck shell=sh
# glob: paths that match a pattern.
# In: those of path.sh and search.sh; _PATH; _SUBFOLDER (under it, where the hits are);
#     _FILTER (a regular expression); _TYPE (d, or empty for all types).

. ../../_remote/frame.sh
. ../../_remote/path.sh
. ./search.sh
. ../../_remote/entries.sh

list() {
    set -- ! -name .
    [ -z "$_TYPE" ] || set -- "$@" -type "$_TYPE"
    walk "$@" | matching | entries
}

begin
look_into "$_PATH"
[ "$_start" = . ] || fail notdir
put entered yes
[ -z "$_SUBFOLDER" ] || look_into "${PWD%/}/$_SUBFOLDER"
[ "$_start" = . ] || end
with_complaints list
end
