# shellcheck shell=sh
# stat: what is at a path; a symlink is not followed.
# In: those of path.sh; _PATH.

. ../../_remote/frame.sh
. ./itself.sh
. ../../_remote/entries.sh

begin
reach "$_PATH"
is_there || fail missing
describe "./$_name"
end
