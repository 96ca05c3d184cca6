# shellcheck shell=sh
# stat_targets: which of the files that are to be uploaded exist already, and what they are.
# In: those of path.sh; _FOLDERS (words); _NAMES (words: for each folder the names of files in
#     it, in base64, a NUL after each).

. ../../_remote/frame.sh
. ../../_remote/path.sh

# stat_folder INDEX FOLDER NAMES: the size, the mode and the sum of those files that are in
# the folder; of folders there is no sum.
# shellcheck disable=SC2016 # sh expands it
stat_folder() (
    fail() { exit; }
    enter "$2/"
    _found=$(printf %s "$3" | base64 -d | xargs -0 -r sh -c '
        for _file; do
            [ -z "$_CONFINE" ] || [ ! -L "./$_file" ] || continue
            { [ ! -f "./$_file" ] && [ ! -d "./$_file" ]; } || printf "./%s\0" "$_file"
        done' sh | base64)
    [ -n "$_found" ] || exit
    echo "$_found" | base64 -d | xargs -0 stat -L -c '%f %s %Y %n//' | put_bytes "entries.$1"
    echo "$_found" | base64 -d | xargs -0 sha256sum | put_bytes "sums.$1"
)

stat_folders() {
    _index=0
    eval "set -- $_FOLDERS"
    for _folder; do
        _names=${_left_names%% *}
        _left_names=${_left_names#* }
        stat_folder "$_index" "$_folder" "$_names"
        _index=$((_index + 1))
    done
}

begin
export _CONFINE
(
    cd "$_STATE" || exit
    # What others began to send and never finished does not stay for ever.
    find . -name 'part-*' -mtime +0 -exec rm -f {} +
    find . -name 'part-*' -exec stat -c '%n %s' {} +
) | put_bytes parts
_left_names="$_NAMES "
stat_folders
end
