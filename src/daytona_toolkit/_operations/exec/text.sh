# shellcheck shell=sh
# The short text of a file in a reply, without a process for base64.

# put_text NAME SIZE: standard input as it is, if it is short and of ordinary characters.
put_text() {
    [ "$2" -le 1000 ] || return
    LC_ALL=C
    _text='' _left=$2
    while IFS= read -r _line; do
        case $_line in *[!\ -~]*) return 1 ;; esac
        _text="$_text:$_line
"
        _left=$((_left - ${#_line} - 1))
    done
    # After the last newline. A NUL, which read drops, is missed in the count.
    case $_line in *[!\ -~]*) return 1 ;; esac
    [ "$_left" = ${#_line} ] || return
    echo "$1|"
    printf '%s;%s\n.\n' "$_text" "$_line"
}
