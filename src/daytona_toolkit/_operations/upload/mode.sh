# shellcheck shell=sh
# Whether a file that was uploaded is executable.
# Set by the program: $_mode: x for executable, - for not, = to leave it as it is.

adjust() {
    case $_mode in
    x) [ -x "$_temporary" ] || chmod +x "$_temporary" ;;
    -) [ ! -x "$_temporary" ] || chmod -x "$_temporary" ;;
    esac
}
