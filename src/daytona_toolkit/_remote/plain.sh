# shellcheck shell=sh
# Short text in a reply, without a process for base64.

# put_plain NAME SIZE: standard input as it is, which costs no process, if it is short and
# of ordinary characters.
put_plain() {
    [ "$2" -le 1000 ] || return
    LC_ALL=C
    _plain='' _left=$2
    while IFS= read -r _line; do
        case $_line in *[!\ -~]*) return 1 ;; esac
        _plain="$_plain:$_line
"
        _left=$((_left - ${#_line} - 1))
    done
    # Behind the last newline. What read drops, a NUL, is missed in the count.
    case $_line in *[!\ -~]*) return 1 ;; esac
    [ "$_left" = ${#_line} ] || return
    echo "$1|"
    printf '%s;%s\n.\n' "$_plain" "$_line"
}
