# shellcheck shell=sh
# Whether a file that comes from elsewhere is a program.
# Set by the program: $_mode: x for one, - for none, = to leave it as it is.

adjust() {
    case $_mode in
    x) [ -x "$_temporary" ] || chmod +x "$_temporary" ;;
    -) [ ! -x "$_temporary" ] || chmod -x "$_temporary" ;;
    esac
}
