# shellcheck shell=sh
# The short text of a file in a reply, without a process for base64.

. ../../_remote/plain.sh

# put_text NAME SIZE: standard input as it is, if it is short and of ordinary characters.
put_text() {
    [ "$2" -le 1000 ] || return
    _text=''
    while IFS= read -r _line; do
        _text="$_text$_line
"
    done
    _text=$_text$_line # what follows the last newline
    # A NUL, which read drops, is missed in the count.
    [ ${#_text} = "$2" ] && is_plain "$_text" && put_plain "$1" "$_text"
}
