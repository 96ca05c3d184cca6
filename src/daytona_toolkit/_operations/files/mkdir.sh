# shellcheck shell=sh
# mkdir: make a folder, with those above it.
# In: those of path.sh and change.sh; _PATH.

. ../../_remote/frame.sh
. ../../_remote/path.sh
. ../../_remote/parents.sh
. ../../_remote/entries.sh
. ./change.sh

make() {
    make_parents "$_PATH/"
    enter "$_PATH"
    [ "$_name" = . ] || fail isfile
    describe ./.
}

begin
once make
