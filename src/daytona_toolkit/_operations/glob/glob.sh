# shellcheck shell=sh
# glob: paths that match a pattern.
# In: those of path.sh, walk.sh and listing.sh; _PATH; _SUBFOLDER (under it, where the hits
#     are); _TYPE (d, or empty for all types).

. ../../_remote/frame.sh
. ../../_remote/path.sh
. ../../_search/walk.sh
. ../../_search/listing.sh

begin
look_into "$_PATH"
[ "$_start" = . ] || fail notdir
put entered yes
[ -z "$_SUBFOLDER" ] || look_into "${PWD%/}/$_SUBFOLDER"
[ "$_start" = . ] || end
set -- ! -name .
[ -z "$_TYPE" ] || set -- "$@" -type "$_TYPE"
with_complaints list "$@"
end
