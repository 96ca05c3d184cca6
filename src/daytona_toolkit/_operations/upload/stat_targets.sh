# shellcheck shell=sh
# stat_targets: which of the files that are to be uploaded exist already, and what they are.
# In: those of path.sh; _FOLDERS (words: for each a folder and the names in it, as words again).

. ../../_remote/frame.sh
. ../../_remote/path.sh

# stat_folder FOLDER NAME...: the size, the mode and the sum of those files that are in the
# folder; of folders there is no sum.
stat_folder() (
    fail() { exit; }
    enter "$1/"
    shift
    for _file; do
        shift
        [ -z "$_CONFINE" ] || [ ! -L "$_file" ] || continue
        [ ! -f "$_file" ] && [ ! -d "$_file" ] || set -- "$@" "$_file"
    done
    [ $# != 0 ] || exit
    stat -L -c '%f %s %Y %n//' -- "$@" | put_bytes "entries.$_index"
    sha256sum -- "$@" | put_bytes "sums.$_index"
)

stat_folders() {
    _index=0
    for _words; do
        eval "stat_folder $_words"
        _index=$((_index + 1))
    done
}

begin
(
    cd "$_STATE" || exit
    # Remove what others began to send a day ago and never finished.
    find . -name 'part-*' -mtime +0 -exec rm -f {} +
    find . -name 'part-*' -exec stat -c '%n %s' {} +
) | put_bytes parts
eval "stat_folders $_FOLDERS"
end
