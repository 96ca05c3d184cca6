# shellcheck shell=sh
# Short text in a reply, without a process for base64.

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

# put_string NAME TEXT: the text; in base64 if it has other characters.
put_string() {
    LC_ALL=C
    case $2 in
    *[!\ -~]*) printf %s "$2" | put_bytes "$1" ;;
    *) printf '%s|\n;%s\n.\n' "$1" "$2" ;;
    esac
}
