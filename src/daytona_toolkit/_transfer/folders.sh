# shellcheck shell=sh
# How a program works through files of several folders.
# In: those of path.sh; _FOLDERS (words: for each a folder and the names in it, as words again; each
#     name begins with `./`).

# each_folder COMMAND: call it in each folder that can be entered, with the names there. $_index is
# the folder's number.
each_folder() {
    _command=$1 _index=0
    eval "set -- $_FOLDERS"
    for _words; do
        eval "call_in $_words"
        _index=$((_index + 1))
    done
}

# call_in FOLDER NAME...
call_in() (
    fail() { exit; }
    enter "$1/"
    shift
    "$_command" "$@"
)
