# shellcheck shell=sh
# fetch: all bytes of several files, each up to a bound.
# In: those of path.sh and file.sh; _PATHS (words).

. ../../_remote/frame.sh
. ../../_remote/path.sh
. ../../_remote/file.sh

# one INDEX PATH: what is told of a file bears its index; a refusal is its own.
one() (
    _index=$1
    put() {
        _field=$1
        shift
        echo "$_field.$_index $*"
    }
    put_bytes() {
        echo "$1.$_index<"
        base64
        echo .
    }
    end() { exit; }
    enter "$2"
    open_regular
    put_file
)

all() {
    _next=0
    for _path in "$@"; do
        one "$_next" "$_path"
        _next=$((_next + 1))
    done
}

begin
eval "all $_PATHS"
end
