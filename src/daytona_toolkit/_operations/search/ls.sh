# shellcheck shell=sh
# ls: what a folder holds.
# In: those of path.sh and search.sh; _PATH.

. ../../_remote/frame.sh
. ../../_remote/path.sh
. ./search.sh
. ../../_remote/entries.sh

list() { walk ! -name . | entries; }

begin
look_into "$_PATH"
[ "$_start" = . ] || fail isfile
with_complaints list
end
