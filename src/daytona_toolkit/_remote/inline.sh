# shellcheck shell=sh
# A short text in a reply, without a process for base64.

# put_string NAME TEXT [MOST]: the text, or its first MOST bytes; in base64 if it has other
# characters than ordinary ones.
put_string() {
    LC_ALL=C
    case $2 in
    *[!\ -~]*) printf "%${3:+.$3}s" "$2" | put_bytes "$1" ;;
    *) printf "%s|\n;%${3:+.$3}s\n.\n" "$1" "$2" ;;
    esac
}
