# shellcheck shell=sh
# edit: splice new bytes into a file, if it still is what the client saw.
#
# In: those of confined.sh and replace.sh; _PATH; the function check, which is one of same and
#     only; the function splice, made of keep, insert and insert_part; _UPLOAD (a file that
#     holds new bytes, or empty).

. ./frame.sh
. ./path.sh
. ./replace.sh

# keep FROM [LENGTH]: a range of the file as it is.
keep() {
    if [ -z "${2-}" ]; then
        tail -c "+$(($1 + 1))" "$_source"
    elif [ "$1" = 0 ]; then
        head -c "$2" "$_source"
    else
        tail -c "+$(($1 + 1))" "$_source" | head -c "$2"
    fi
}

# insert BASE64: new bytes. insert_part FROM LENGTH: new bytes out of the upload.
insert() { printf %s "$1" | base64 -d; }
insert_part() { tail -c "+$(($1 + 1))" "$_UPLOAD" | head -c "$2"; }

# same SHA256 BYTES: the client saw all of the file, and it is the same. Another one is
# sent back, if it has at most so many bytes.
same() {
    _sum=$(sha256sum <"$_source")
    [ "${_sum%% *}" != "$1" ] || return 0
    _size=$(wc -c <"$_source")
    put size $((_size))
    [ "$_size" -gt "$2" ] || put_bytes content <"$_source"
    fail changed
}

# only LINE COLUMN LENGTH SHA256 LEAD: the client saw a part of the file. There, COLUMN
# bytes into that line, still are the LENGTH bytes of that sum, and nowhere else: $_FIRST,
# their first line, is found but once, or they are not LEAD bytes before any other line
# where $_OTHER, another one of theirs, is found. Sets _at, where they are.
only() {
    _length=$3 _wanted=$4
    _at=$(($(start_of "$1") + $2))
    holds "$_at" || fail unsure
    [ "$(grep -ce "$_FIRST" "$_source")" != 1 ] || return 0
    [ -n "$_OTHER" ] || fail unsure
    _count=0
    for _line in $(grep -ne "$_OTHER" "$_source" | head -n 21 | cut -d : -f 1); do
        _count=$((_count + 1))
        [ "$_count" -le 20 ] || fail unsure
        _start=$(($(start_of "$_line") - $5))
        [ "$_start" = "$_at" ] || ! holds "$_start" || fail unsure
    done
}

# start_of LINE: the bytes before it. holds START: whether the wanted bytes are there.
start_of() { head -n $(($1 - 1)) "$_source" | wc -c; }
holds() {
    _sum=$(tail -c "+$(($1 + 1))" "$_source" | head -c "$_length" | sha256sum)
    [ "${_sum%% *}" = "$_wanted" ]
}

begin
enter "$_PATH"
replaceable
take_turns
regular
check
_why=$({ splice >"$_temporary"; } 2>&1) || because "$_why"
[ -z "$_UPLOAD" ] || rm -f "$_UPLOAD"
put_in_place
end
