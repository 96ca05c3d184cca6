# shellcheck shell=sh
# read_whole: many small files, the content of those of a folder one after the other.
#
# Their sums tell whether they are still what they were when the folder was listed.
# In: those of path.sh; _FOLDERS (words: for each a folder and the names in it, as words again).

. ../../_remote/frame.sh
. ../../_remote/path.sh

# put_folder FOLDER NAME...
put_folder() (
    fail() { exit; }
    enter "$1/"
    shift
    for _file; do
        shift
        # It must not wait for a fifo that has taken the place of a file.
        [ ! -f "$_file" ] || set -- "$@" "$_file"
    done
    [ $# = 0 ] || cat -- "$@" | put_bytes "content.$_index"
)

put_folders() {
    _index=0
    for _words; do
        eval "put_folder $_words"
        _index=$((_index + 1))
    done
}

begin
eval "put_folders $_FOLDERS"
end
