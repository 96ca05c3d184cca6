# shellcheck shell=sh
# What paths are, in a reply.
#
# A record is the path, a separator and what is there: type or mode, time, version. What a
# symlink leads to is a record of its own; a confined session is not told what lies outside.
# In: _CONFINE (the root, or empty), _STATE (our own folder).

export _CONFINE _STATE

# For `sh -c`, with paths as its arguments.
# shellcheck disable=SC2016 # the other sh expands it
_describe='
    stat -c "%n//%f %Y %s-%i-%y" -- "$@"
    for _file; do
        shift
        { [ -L "$_file" ] && [ -e "$_file" ]; } || continue
        if [ -n "$_CONFINE" ]; then
            _target=$(readlink -f -- "$_file" && echo .) || continue
            case ${_target%??}/ in
            "${_CONFINE%/}"/* | "$_STATE"/*) ;;
            *) continue ;;
            esac
        fi
        set -- "$@" "$_file"
    done
    [ $# = 0 ] || stat -L -c "%n//~%f %Y %s-%i-%y" -- "$@" 2>/dev/null'

# describe PATH: it goes into the reply.
describe() {
    _entry=$(sh -c "$_describe" sh "$1" | base64)
    [ -n "$_entry" ] || quit
    printf 'entries<\n%s\n.\n' "$_entry"
}
