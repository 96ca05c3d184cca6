# shellcheck shell=sh
# write: a file's whole content, in place at once or not at all.
# In: those of path.sh, replace.sh and payload.sh; _PATH; _IF_VERSION (what commit takes).

. ../../_remote/frame.sh
. ../../_remote/path.sh
. ../../_remote/replace.sh
. ../../_remote/parents.sh
. ../../_remote/payload.sh

begin
is_fresh || fail "$_late"
enter_to_write "$_PATH"
[ -z "$_UPLOAD" ] || is_whole || fail upload
fill payload
drop_upload
commit "$_IF_VERSION" || fail changed
tidy
end
