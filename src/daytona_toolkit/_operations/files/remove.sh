# shellcheck shell=sh
# remove: remove a file, a symlink itself, or with _RECURSIVE a folder.
# In: those of itself.sh and change.sh; _PATH; _RECURSIVE (yes or empty).

. ../../_remote/frame.sh
. ./itself.sh
. ./change.sh

remove() {
    reach "$_PATH"
    check_kept
    hold .
    _id=$(id "./$_name")
    _begun=$(begun)
    [ -z "$_begun" ] || [ "$_begun" = "$_id" ] || return 0
    is_there || fail missing
    ! is_folder || [ -n "$_RECURSIVE" ] || fail tree
    note_begun "$_id"
    _why=$(rm -rf -- "./$_name" 2>&1 | head -c 2000)
    ! is_there || fail_with "$_why"
}

begin
once remove
