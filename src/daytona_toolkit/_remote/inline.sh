# shellcheck shell=sh
# A short text in a reply, without a process for base64.

# put_string NAME TEXT: the text; in base64 if it has other characters.
put_string() {
    LC_ALL=C
    case $2 in
    *[!\ -~]*) printf %s "$2" | put_bytes "$1" ;;
    *) printf '%s|\n;%s\n.\n' "$1" "$2" ;;
    esac
}
