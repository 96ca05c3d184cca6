# shellcheck shell=sh
# fetch: all bytes of files, each up to a bound.
# In: those of path.sh; _PATHS (words); _BYTES (of the largest one that is sent).

. ../_remote/frame.sh
. ../_remote/path.sh

# put_content PATH: what is told of a file bears its index; a refusal is its own.
put_content() (
    fail() {
        put "fail.$_index" "$1"
        exit
    }
    enter "$1"
    open_regular
    _size=$(stat -L -c %s "$_source") || exit
    put "size.$_index" "$_size"
    [ "$_size" -gt "$_BYTES" ] || put_bytes "content.$_index" <"$_source"
)

begin
_index=0
eval "set -- $_PATHS"
for _path; do
    put_content "$_path" || quit
    _index=$((_index + 1))
done
end
