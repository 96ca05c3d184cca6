# shellcheck shell=sh
# Any text in a reply, without a process for base64 if it is an ordinary one.

. ./plain.sh

# put_string NAME TEXT [MOST]: any text, or its first MOST bytes.
put_string() {
    if ! is_plain "$2"; then
        printf "%${3:+.$3}s" "$2" | put_bytes "$1"
    elif [ "${3:-${#2}}" -lt ${#2} ]; then
        printf "%s %s|\n%.$3s\n" "$1" "$3" "$2"
    else
        put_plain "$1" "$2"
    fi
}
