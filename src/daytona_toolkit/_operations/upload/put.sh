# shellcheck shell=sh
# put: one file whose content comes along, unless it is there already.
# In: those of path.sh, replace.sh and content.sh; _PATH; _SHA256 (of the content); _MODE (as
#     mode.sh takes it).

. ../../_remote/frame.sh
. ../../_remote/path.sh
. ../../_remote/replace.sh
. ../../_remote/parents.sh
. ../../_remote/content.sh
. ./mode.sh

is_there() {
    [ -f "./$_name" ] && [ -r "./$_name" ] || return
    case $_mode in
    x) [ -x "./$_name" ] || return ;;
    -) [ ! -x "./$_name" ] || return ;;
    esac
    open_regular
    _sum=$(sha256sum <"$_source")
    [ "${_sum%% *}" = "$_SHA256" ]
}

begin
is_fresh || fail "$_late"
make_parents "$_PATH"
enter "$_PATH"
check_replaceable
lock_folder
_mode=$_MODE
if is_there; then
    _told='same yes'
    leave_mark
    echo "$_told"
else
    fill new_content
    commit '*'
fi
tidy
end
