# shellcheck shell=sh
# edit: splice new bytes into a file, if it still is what the client saw.
#
# In: those of path.sh, replace.sh, file.sh and payload.sh, the new bytes; _PATH; _SHA256 (of the
#     file that the client saw, or empty: look for the text); _LENGTH, _OLD_SHA256, _TOUCHED,
#     _INDEX, _LEAD, _KEY, _OLD, _REFUSE_CR, _MAX_REPLY (see find_once), _SMALL, _CHAR (see
#     find_in_small); _GROWTH (the bytes that the new file has more); _NEW (words); _PLAN (the steps
#     that make the new file, a line each: `keep FROM LENGTH`; `insert`, all of the new bytes,
#     `insert FROM LENGTH`, a part of them, or `insert N`, the Nth word. LENGTH `rest` is all that
#     follows, FROM `old` where the text that was looked for ends, LENGTH `old` all before it).

. ../../_remote/frame.sh
. ../../_remote/path.sh
. ../../_remote/replace.sh
. ../../_remote/file.sh
. ../../_remote/plain.sh
. ../../_remote/payload.sh

# new_content: what the steps of the plan make.
new_content() {
    [ -z "$_NEW" ] || eval "set -- $_NEW"
    while read -r _step _first _second; do
        case $_step in
        keep) keep "$_first" "$_second" ;;
        insert)
            case $_first:$_second in
            :) payload ;;
            *:) eval "printf %s \"\${$_first}\"" ;;
            *) payload | tail -c "+$((_first + 1))" | head -c "$_second" ;;
            esac
            ;;
        esac || return
    done <<PLAN
$_PLAN
PLAN
}

# Where one tool feeds another, nobody is told that the first was killed.
adjust() { [ "${_version%%-*}" = $((${_replaced%%-*} + _GROWTH)) ] || quit; }

# keep FROM LENGTH: a range of the file as it is.
keep() {
    case $1:$2 in
    0:old) if [ -n "$_body" ]; then printf %s "$_before"; else head -c "$_at" "$_source"; fi ;;
    old:rest)
        if [ -n "${_after+x}" ]; then
            printf %s "$_after"
        else
            tail -c "+$((_at + _LENGTH + 1))" "$_source"
        fi
        ;;
    *:rest) tail -c "+$(($1 + 1))" "$_source" ;;
    0:*) head -c "$2" "$_source" ;;
    *) tail -c "+$(($1 + 1))" "$_source" | head -c "$2" ;;
    esac
}

# check_unchanged: the client saw all of the file, and it is the same.
check_unchanged() {
    _sum=$(sha256sum <"$_source")
    [ "${_sum%% *}" = "$_SHA256" ] || fail_with_file
}

# measure TEXT: sets $_size, its bytes. Some shells count characters, whatever the locale.
measure() {
    _size=é
    if [ ${#_size} = 2 ]; then _size=${#1}; else _size=$(printf %s "$1" | wc -c); fi
}

# is_small: the file has _SMALL bytes at most, which are in $_body then; but not a NUL.
is_small() {
    _body=$(head -c "$((_SMALL + 1))" "$_source" && echo .)
    _body=${_body%.}
    measure "$_body"
    [ "$_size" -le "$_SMALL" ]
}

# find_rest: sets $_after, what follows the text in $_body. Shells take off a prefix in time that
# grows with the square of its length; they split and join at a character in linear time.
find_rest() {
    IFS=$_CHAR
    set -f
    # shellcheck disable=SC2086 # it is to be split, and the dot keeps a character at the end
    set -- $_before$_OLD.
    _count=$#
    shift "$((_count - 1))" # quoted, as IFS may be a digit
    _end=${1%.} # of the text, behind its last such character
    # shellcheck disable=SC2086
    set -- $_body.
    shift "$((_count - 1))"
    _after="$*"
    unset IFS
    set +f
    _after=${_after#"$_end"}
    _after=${_after%.}
}

# find_in_small: find_once for a small file, where _OLD has all of the bytes, without a process
# for each look. _CHAR is a character of _OLD, if it has an ordinary one.
find_in_small() {
    _like="$_size-*" # or there are bytes that the shell has left out
    _before=${_body%%"$_OLD"*}
    { [ "$_before" != "$_body" ] && [ "$_before" = "${_body%"$_OLD"*}" ]; } || fail_with_file
    measure "$_before"
    _at=$_size
    [ -z "$_REFUSE_CR" ] || case $_body in *"$(printf '\r')"*) fail_with_file ;; esac
    if is_plain "$_body"; then
        [ -z "$_CHAR" ] || find_rest
        _around="around ${#_body}|
$_body"
    else
        _around="around<
$(printf %s "$_body" | base64)
."
    fi
    _reply="whole yes
line 1
$_around"
}

# find_old: the text is in the file once. Sets $_at, where it begins.
find_old() { if [ -n "$_OLD" ] && is_small; then find_in_small; else find_once; fi; }

# find_once: _LENGTH bytes of the sum _OLD_SHA256 are in the file once. They touch _TOUCHED lines, and
# _KEY is a pattern for line _INDEX of these, from 0. _LEAD of the bytes come before that line; before
# the next one if _INDEX is 0, because they may hold only the end of their first line. Bytes within a
# single line are _OLD. _REFUSE_CR is set if what they become has line endings, which would have to be
# those of the file.
find_once() {
    _at='' _count=0 _body=''
    [ "$(tr -d '\000' <"$_source" | wc -c)" = "$(wc -c <"$_source")" ] || fail_with_file
    [ -z "$_REFUSE_CR" ] || ! grep -q "$(printf '\r')" "$_source" || fail_with_file
    for _line in $(grep -ne "$_KEY" "$_source" | head -n 21 | cut -d : -f 1); do
        _count=$((_count + 1))
        [ "$_count" -le 20 ] || fail_with_file
        if [ "$_TOUCHED" = 1 ]; then
            start_within "$_line"
        else
            _start=$(($(start_of $((_line + (_INDEX == 0)))) - _LEAD))
        fi
        matches_at "$_start" || continue
        [ -z "$_at" ] || fail_with_file
        _at=$_start _begin=$((_line - _INDEX))
    done
    [ -n "$_at" ] || fail_with_file
    report_context "$_begin" $((_begin + _TOUCHED - 1))
}

# start_within LINE: sets $_start, where _OLD is in that line.
start_within() {
    _content=$(tail -n "+$1" "$_source" | head -n 1 | head -c 10001)
    measure "$_content"
    [ "$_size" -le 10000 ] || fail_with_file # shells are slow at this
    _head=${_content%%"$_OLD"*}
    [ "$_head" = "${_content%"$_OLD"*}" ] || fail_with_file
    measure "$_head"
    _start=$(($(start_of "$1") + _size))
}

# start_of LINE: the bytes before it. matches_at START: whether the wanted bytes are there.
start_of() { head -n $(($1 - 1)) "$_source" | wc -c; }
matches_at() {
    [ "$1" -ge 0 ] || return
    _sum=$(tail -c "+$(($1 + 1))" "$_source" | head -c "$_LENGTH" | sha256sum)
    [ "${_sum%% *}" = "$_OLD_SHA256" ]
}

# report_context FIRST LAST: these lines and those next to them, so that the client can show
# what changed, unless they are very long.
report_context() {
    _from=$(($1 > 3 ? $1 - 3 : 1))
    _around=$(head -n $(($2 + 3)) "$_source" | tail -n "+$_from" | head -c "$_MAX_REPLY" | base64)
    [ ${#_around} -lt "$_MAX_REPLY" ] || fail_with_file
    _reply="line $_from
around<
$_around
."
}

# fail_with_file: the file is not what the client expects, so it is in the reply, if it is small
# enough.
fail_with_file() {
    put_file
    fail changed
}

begin
enter "$_PATH"
check_replaceable
lock_folder
[ -z "$_UPLOAD" ] || is_whole || fail upload
open_regular
_body='' _like='*'
[ -z "$_SHA256" ] || check_unchanged
[ -z "$_LENGTH" ] || find_old
fill new_content
drop_upload
commit "$_like" || fail_with_file
tidy
end
