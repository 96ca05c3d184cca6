# shellcheck shell=sh
# put: write one file, unless it has that content already.
# In: those of path.sh, replace.sh and payload.sh; _PATH; _SHA256 (of the content); _MODE (as mode.sh
#     takes it).

. ../../_remote/frame.sh
. ../../_remote/path.sh
. ../../_remote/replace.sh
. ../../_remote/parents.sh
. ../../_remote/payload.sh
. ./mode.sh

has_content() {
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
enter_to_write "$_PATH"
[ -z "$_UPLOAD" ] || is_whole || fail upload
_mode=$_MODE _due=
if has_content; then
    _reply='same yes'
    leave_mark
    put_reply
else
    fill payload
    commit '*'
fi
tidy
end
