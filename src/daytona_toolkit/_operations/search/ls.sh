# shellcheck shell=sh
# ls: what a folder holds, or what a file is.
# In: those of path.sh and search.sh; _PATH.

. ../../_remote/frame.sh
. ../../_remote/path.sh
. ./search.sh

list() { walk ! -name . | entries; }

begin
look_into "$_PATH"
with_complaints list
end
