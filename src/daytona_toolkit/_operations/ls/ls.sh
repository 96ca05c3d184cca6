# shellcheck shell=sh
# ls: what a folder holds.
# In: those of path.sh, walk.sh and listing.sh; _PATH.

. ../../_remote/frame.sh
. ../../_remote/path.sh
. ../../_search/walk.sh
. ../../_search/listing.sh

begin
look_into "$_PATH"
[ "$_start" = . ] || fail isfile
with_complaints list ! -name .
end
