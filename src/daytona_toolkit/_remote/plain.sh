# shellcheck shell=sh
# Ordinary text in a reply, as it is, without a process for base64.

# A tab and a newline.
_blank='	''
'

# is_plain TEXT: it has ordinary characters alone, and arrives as it is.
is_plain() {
    LC_ALL=C
    case $1 in *[!\ -~"$_blank"]*) return 1 ;; esac
}

# put_plain NAME TEXT: an ordinary text.
put_plain() { printf '%s %s|\n%s\n' "$1" "${#2}" "$2"; }
