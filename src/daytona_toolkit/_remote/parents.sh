# shellcheck shell=sh
# How the folders above a new file are made.

# make_parents PATH: make the folders above it that are missing.
make_parents() {
    _folder=${1%/*} _rest=
    while [ -n "$_folder" ] && [ ! -e "$_folder" ] && [ ! -L "$_folder" ]; do
        _rest=${_folder##*/}/$_rest
        _folder=${_folder%/*}
    done
    [ -n "$_rest" ] || return 0
    case /$_rest in
    */../*) fail missing ;;
    esac
    enter "$_folder/"
    _why=$(mkdir -p -- "./$_rest" 2>&1) || fail_with "$_why"
}
