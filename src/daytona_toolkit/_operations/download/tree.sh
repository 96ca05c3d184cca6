# shellcheck shell=sh
# tree: all that is in a folder, or one file, with sums; the content of a small file.
# In: those of path.sh and walk.sh; _PATH; _SMALL (bytes of such a file).

. ../../_remote/frame.sh
. ../../_remote/path.sh
. ../../_search/walk.sh

list() {
    walk ! -name . -print0 | xargs -0 -r stat -c '%f %s %Y %n//' | put_bytes entries
    walk -type f -print0 | xargs -0 -r sha256sum | put_bytes sums
}

begin
look_into "$_PATH"
if [ "$_start" = . ]; then
    list
else
    open_regular
    # shellcheck disable=SC2046 # two words
    set -- $(stat -L -c '%f %s' "$_source")
    put entry "$*"
    if [ "$2" -le "$_SMALL" ]; then
        put_bytes content <"$_source"
    else
        put sum "$(sha256sum <"$_source")"
    fi
fi
end
