# shellcheck shell=sh
# read_whole: many small files, the content of those of a folder one after the other.
#
# Their sums tell whether they are still what they were when the folder was listed.
# In: those of folders.sh.

. ../../_remote/frame.sh
. ../../_remote/path.sh
. ../../_transfer/folders.sh

# put_contents NAME...
put_contents() {
    for _file; do
        shift
        # It must not wait for a fifo that has taken the place of a file.
        [ ! -f "$_file" ] || set -- "$@" "$_file"
    done
    [ $# = 0 ] || cat -- "$@" | put_bytes "content.$_index"
}

begin
each_folder put_contents
end
