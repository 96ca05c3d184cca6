# shellcheck shell=sh
# A whole file in a reply.
# In: _BYTES (of the largest one that is sent).

# put_whole: the size of the file behind $_source, and its content unless that is too large.
put_whole() {
    _size=$(wc -c <"$_source")
    put size $((_size))
    [ "$_size" -gt "$_BYTES" ] || put_bytes content <"$_source"
}
