# shellcheck shell=sh
# A whole file in a reply.
# In: _BYTES (of the largest one that is sent).

# put_file: the size and the version of the file that $_source names, and its content unless
# that is too large.
put_file() {
    put_size
    [ "$_size" -gt "$_BYTES" ] || put_bytes content <"$_source"
}

# put_size: the size, in $_size too, and the version. They come from what was opened.
put_size() {
    # shellcheck disable=SC2046 # four words
    set -- $(stat -L -c '%s %s-%i-%y' -- "$_source")
    _size=$1
    put size "$1"
    put version "$2T$3"
}
