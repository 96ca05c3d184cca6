# shellcheck shell=sh
# Whether a file that was uploaded is executable, and has arrived whole.
# Set by the program: $_mode: x for executable, - for not, = to leave it as it is; $_due: the bytes
# that it must have, or empty.

adjust() {
    # Where one tool feeds another, nobody is told that the first was killed.
    [ -z "$_due" ] || [ "${_version%%-*}" = "$_due" ] || quit
    case $_mode in
    x) [ -x "$_temporary" ] || chmod +x "$_temporary" ;;
    -) [ ! -x "$_temporary" ] || chmod -x "$_temporary" ;;
    esac
}
