# shellcheck shell=sh
# write: a file's whole content, in place at once or not at all.
# In: those of path.sh, replace.sh and upload.sh; _PATH; _TEXT (the content) or _CONTENT (the
#     content in base64), or it is in the upload; _IF_VERSION (what commit takes).

. ../../_remote/frame.sh
. ../../_remote/path.sh
. ../../_remote/replace.sh
. ../../_remote/parents.sh
. ../../_remote/upload.sh

new_content() {
    if [ -n "$_UPLOAD" ]; then
        cat "$_UPLOAD"
    elif [ -n "$_CONTENT" ]; then
        printf %s "$_CONTENT" | base64 -d
    else
        printf %s "$_TEXT"
    fi
}

begin
is_fresh || fail "$_late"
make_parents "$_PATH"
enter "$_PATH"
check_replaceable
lock_folder
is_whole || fail upload
fill new_content
drop_upload
commit "$_IF_VERSION" || fail changed
tidy
end
