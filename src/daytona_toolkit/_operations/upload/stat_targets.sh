# shellcheck shell=sh
# stat_targets: which of the files that are to be uploaded exist already, and what they are.
# In: those of folders.sh.

. ../../_remote/frame.sh
. ../../_remote/path.sh
. ../../_transfer/folders.sh

# stat_files NAME...: the size, the mode and the sum of those that are there; of folders there is
# no sum.
stat_files() {
    for _file; do
        shift
        [ -z "$_CONFINE" ] || [ ! -L "$_file" ] || continue
        [ ! -f "$_file" ] && [ ! -d "$_file" ] || set -- "$@" "$_file"
    done
    [ $# != 0 ] || return
    stat -L -c '%f %s %Y %n//' -- "$@" | put_bytes "entries.$_index"
    sha256sum -- "$@" | put_bytes "sums.$_index"
}

begin
(
    cd "$_STATE" || exit
    # Remove what others began to send a day ago and never finished.
    find . -name 'part-*' -mtime +0 -exec rm -f {} +
    find . -name 'part-*' -exec stat -c '%n %s' {} +
) | put_bytes parts
each_folder stat_files
end
