# shellcheck shell=sh
# edit: splice new bytes into a file, if it still is what the client saw.
#
# In: those of confined.sh, replace.sh and whole.sh; _PATH; the function check, which is one of
#     same and find_once, and takes _KEY, _TEXT, _WARY and _MOST; the function splice, made of
#     keep, insert and insert_part; _UPLOAD (a file that holds new bytes, or empty).

. ./frame.sh
. ./path.sh
. ./replace.sh
. ./whole.sh

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

# same SHA256: the client saw all of the file, and it is the same.
same() {
    _sum=$(sha256sum <"$_source")
    [ "${_sum%% *}" = "$1" ] || show
}

# find_once LENGTH SHA256 LINES INDEX LEAD: the client did not see the file, but the LENGTH bytes
# of that sum are in it once. Sets _at, where they begin. They touch LINES lines, and $_KEY is a
# pattern for line INDEX of these, from 0. LEAD of the bytes come before that line; before the
# next one if INDEX is 0, for they may hold but the end of their first line. Bytes within a
# single line are $_TEXT. $_WARY is set if what they become has line endings, which would have
# to be those of the file.
find_once() {
    _length=$1 _wanted=$2 _at='' _count=0
    [ "$(tr -d '\000' <"$_source" | wc -c)" = "$(wc -c <"$_source")" ] || show
    [ -z "$_WARY" ] || ! grep -q "$(printf '\r')" "$_source" || show
    for _line in $(grep -ne "$_KEY" "$_source" | head -n 21 | cut -d : -f 1); do
        _count=$((_count + 1))
        [ "$_count" -le 20 ] || show
        if [ -n "$_TEXT" ]; then
            within "$_line"
        else
            _start=$(($(start_of $((_line + ($4 == 0)))) - $5))
        fi
        holds "$_start" || continue
        [ -z "$_at" ] || show
        _at=$_start _first=$((_line - $4))
    done
    [ -n "$_at" ] || show
    tell_around "$_first" $((_first + $3 - 1))
}

# within LINE: sets _start, where $_TEXT is in that line.
within() {
    _body=$(tail -n "+$1" "$_source" | head -n 1 | head -c 10001)
    [ ${#_body} -le 10000 ] || show # shells are slow at this
    _head=${_body%%"$_TEXT"*}
    [ "$_head" = "${_body%"$_TEXT"*}" ] || show
    _start=$(($(start_of "$1") + ${#_head}))
}

# start_of LINE: the bytes before it. holds START: whether the wanted bytes are there.
start_of() { head -n $(($1 - 1)) "$_source" | wc -c; }
holds() {
    [ "$1" -ge 0 ] || return
    _sum=$(tail -c "+$(($1 + 1))" "$_source" | head -c "$_length" | sha256sum)
    [ "${_sum%% *}" = "$_wanted" ]
}

# tell_around FIRST LAST: these lines and those next to them, so that the client can show what
# changed, unless they are very long.
tell_around() {
    _from=$(($1 > 3 ? $1 - 3 : 1))
    _around=$(head -n $(($2 + 3)) "$_source" | tail -n "+$_from" | head -c "$_MOST" | base64)
    [ ${#_around} -lt "$_MOST" ] || show
    _told="line $_from
around<
$_around
."
}

# show: it is not what the client counts on, so it gets the file, if that has at most $_BYTES.
show() {
    [ -z "$_UPLOAD" ] || rm -f "$_UPLOAD"
    put_whole
    fail changed
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
